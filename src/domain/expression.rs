//! Conditions in CEL over services, projects and changes: dashboard filters, presets and policy rules.
//!
//! What an expression may cost is known before it runs: its length, its nesting and its loops are bounded when it is
//! parsed, and regular expressions are compiled then, once. So text from a proposal cannot hold up a check.

mod subject;
mod survey;

use super::text::{clean, nearest};
use cel::{Context, Env, ExecutionError, Program, Value, extractors::This};
use regex::Regex;
use std::{collections::HashMap, ops::Range, sync::Arc};
use survey::{Survey, refuse_deep};

pub use subject::{About, Subject};

/// The longest expression in bytes.
pub const LONGEST: usize = 2_000;

/// Why an expression cannot be used, and which bytes of its text are to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError {
    /// What is wrong, without a full stop.
    pub message: String,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// Fields of `sla`.
const PROMISES: &[&str] = &["availability", "error_rate", "response_time_p99"];

/// A condition that was parsed and may be asked of many subjects.
#[derive(Clone)]
pub struct Expression {
    text: Arc<str>,
    program: Arc<Program>,
    environment: Arc<Env>,
    patterns: Arc<HashMap<String, Regex>>,
    names: Arc<[(String, Range<usize>)]>,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Expression").field(&self.text).finish()
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

impl Expression {
    /// Reads a condition.
    ///
    /// # Errors
    /// What is wrong and where, when it is not CEL, calls what does not exist, or could cost too much.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let whole =
            |message: &str| ExpressionError { message: message.to_owned(), start: 0, end: text.len() };
        if text.trim().is_empty() {
            return Err(whole("the condition is empty"));
        }
        if text.len() > LONGEST {
            return Err(whole(&format!("the condition is longer than {LONGEST} bytes")));
        }
        refuse_deep(text)?;
        let environment = Arc::new(Env::stdlib());
        let program = environment.compile(text).map_err(|errors| first_error(text, &errors))?;
        let Survey { patterns, names, .. } = Survey::of(text, &program)?;
        Ok(Self {
            text: Arc::from(text),
            program: Arc::new(program),
            environment,
            patterns: Arc::new(patterns),
            names: names.into(),
        })
    }

    /// The text that was parsed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether every variable that the condition uses is known of its subject.
    ///
    /// # Errors
    /// The first one that is not, with the nearest that is.
    pub fn about(&self, about: About) -> Result<(), ExpressionError> {
        let known = about.variables();
        for (name, at) in self.names.iter() {
            let (root, field) =
                name.split_once('.').map_or((name.as_str(), None), |(root, field)| (root, Some(field)));
            let error = |message: String| ExpressionError { message, start: at.start, end: at.end };
            if !known.iter().any(|(variable, _)| *variable == root) {
                let names = known.iter().map(|(variable, _)| *variable);
                let meant = nearest(root, names.clone()).map_or_else(
                    || format!("known are {}", names.collect::<Vec<_>>().join(", ")),
                    |meant| format!("did you mean `{meant}`?"),
                );
                return Err(error(format!("a {} has no `{}`: {meant}", about.as_str(), clean(root))));
            }
            match field {
                Some(field) if root == "sla" && !PROMISES.contains(&field) => {
                    let known = PROMISES.join(", ");
                    return Err(error(format!("`sla` has no `{}`: known are {known}", clean(field))));
                }
                Some(field) if root != "sla" => {
                    return Err(error(format!(
                        "`{root}` has no parts, so there is no `{root}.{}`",
                        clean(field)
                    )));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether the condition holds for a subject.
    ///
    /// # Errors
    /// Why it has no answer: an unknown variable, two values that cannot be compared, or an answer that is neither
    /// true nor false.
    pub fn matches(&self, subject: &Subject<'_>) -> Result<bool, String> {
        let mut context = Context::with_env(Arc::clone(&self.environment));
        context.set_variable_resolver(subject);
        if !self.patterns.is_empty() {
            let patterns = Arc::clone(&self.patterns);
            let matches = move |This(text): This<Arc<String>>, pattern: Arc<String>| {
                patterns.get(pattern.as_str()).is_some_and(|pattern| pattern.is_match(&text))
            };
            context.add_function("matches", matches).map_err(|_| "`matches` cannot be used".to_owned())?;
        }
        match self.program.execute(&context) {
            Ok(Value::Bool(answer)) => Ok(answer),
            Ok(other) => Err(format!("the answer is {}, not true or false", type_of(&other))),
            Err(error) => Err(in_words(&error)),
        }
    }
}

/// The first complaint of the parser in words of ours.
fn first_error(text: &str, errors: &cel::ParseErrors) -> ExpressionError {
    let Some(first) = errors.errors.first() else {
        return ExpressionError { message: "not a condition in CEL".to_owned(), start: 0, end: text.len() };
    };
    let start = offset_of(text, first.pos);
    let said = first.msg.trim_start_matches("Syntax error: ");
    let rest = text.get(start..).unwrap_or_default();
    let word: String = rest
        .chars()
        .enumerate()
        .take_while(|(index, c)| *index == 0 || c.is_alphanumeric() || *c == '_')
        .map(|(_, c)| c)
        .collect();
    let message = if rest.trim().is_empty() || said.contains("input '<EOF>'") {
        "it ends before it is complete".to_owned()
    } else if rest.starts_with('=') && !rest.starts_with("==") {
        "`=` compares nothing: write `==`".to_owned()
    } else if said.starts_with("token recognition") {
        format!("`{}` has no meaning here", clean(&word))
    } else if ["mismatched", "extraneous", "missing", "no viable"].iter().any(|kind| said.starts_with(kind)) {
        format!("`{}` is not expected here", clean(&word))
    } else if word.trim().is_empty() {
        "it is no condition in CEL".to_owned()
    } else {
        format!("`{}` cannot be understood here", clean(&word))
    };
    ExpressionError { message, start, end: (start + word.len()).max(start + 1).min(text.len().max(start)) }
}

/// Line and column, both from 1 and counted in characters, as a byte offset.
fn offset_of(text: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line - 1).unwrap_or_default();
    let column = usize::try_from(column - 1).unwrap_or_default();
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
}

/// Why an evaluation failed, in words of ours where the library's name its own insides.
fn in_words(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchOverload(overload) => {
            let operator = match overload.function() {
                "_[_]" => "[]",
                "_?_:_" => "?:",
                other => sign(other.trim_matches(['_', '@'])),
            };
            let types: Vec<_> = overload.argument_types().iter().map(|name| named_type(name)).collect();
            format!("`{operator}` does not work on {}", types.join(" and "))
        }
        ExecutionError::UndeclaredReference(name) => format!("there is no `{}`", clean(name)),
        ExecutionError::NoSuchKey(name) => format!("there is no part `{}`", clean(name)),
        ExecutionError::InvalidArgumentCount { expected, actual } => {
            format!("a function is given {actual} values, and takes {expected}")
        }
        ExecutionError::MissingArgumentOrTarget => "a function is given nothing to work on".to_owned(),
        ExecutionError::NotSupportedAsMethod { method, target } => {
            format!("`{}` does not work on {}", clean(method), type_of(target))
        }
        ExecutionError::UnsupportedTargetType { target } => {
            format!("a function does not work on {}", type_of(target))
        }
        ExecutionError::UnexpectedType { got, want } => {
            format!("{} stands where {} is needed", named_type(got), named_type(want))
        }
        ExecutionError::ValuesNotComparable(one, two) => {
            format!("{} cannot be compared with {}", type_of(one), type_of(two))
        }
        ExecutionError::UnsupportedBinaryOperator(operator, one, two) => {
            format!("`{}` does not work on {} and {}", sign(operator), type_of(one), type_of(two))
        }
        ExecutionError::UnsupportedKeyType(key) => format!("{} cannot be a key", type_of(key)),
        ExecutionError::UnsupportedIndex(index, of) => {
            format!("{} has no entry that {} could name", type_of(of), type_of(index))
        }
        ExecutionError::FunctionError { function, .. } => {
            format!("`{}` cannot work with what it is given", clean(function))
        }
        ExecutionError::DivisionByZero(_) => "it divides by zero".to_owned(),
        ExecutionError::RemainderByZero(_) => "it takes a remainder by zero".to_owned(),
        ExecutionError::Overflow(operator, ..) => {
            format!("the result of `{}` is too large", sign(operator))
        }
        ExecutionError::IndexOutOfBounds(_) => "a list has no entry at this place".to_owned(),
        ExecutionError::DuplicateKey(_) => "a map names a key twice".to_owned(),
        _ => "it cannot be worked out".to_owned(),
    }
}

/// An operator as it is written, by the name that the library gives it.
fn sign(name: &str) -> &str {
    match name {
        "add" => "+",
        "sub" | "negate" => "-",
        "mul" => "*",
        "div" => "/",
        "rem" => "%",
        other => other,
    }
}

/// A type of the language with its article, by the name that the library gives it.
fn named_type(name: &str) -> String {
    match name {
        "int" | "uint" | "float" | "double" => "a number".to_owned(),
        "string" => "a text".to_owned(),
        "bool" => "true or false".to_owned(),
        "list" => "a list".to_owned(),
        "map" => "a map".to_owned(),
        "null" | "null_type" => "null".to_owned(),
        _ => "something else".to_owned(),
    }
}

/// The type of a value with its article.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => "a number",
        Value::String(_) => "a text",
        Value::Bool(_) => "true or false",
        Value::Null => "null",
        _ => "some other value",
    }
}

#[cfg(test)]
mod tests;
