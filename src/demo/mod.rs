//! The simulated platform: the protocols of a real one, in this process, on loopback.
