//! Tests of the reader as a whole.
use super::*;
