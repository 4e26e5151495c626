//! What an expression says and may cost, told before it runs.

use super::ExpressionError;
use crate::domain::text::{clean, nearest};
use cel::{
    Program,
    common::ast::{ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue},
};
use regex::{Regex, RegexBuilder};
use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
};

/// The most parts that may stand inside each other: reading and evaluating recurse.
const DEEPEST: usize = 64;

/// How many operators an expression may have: a long chain of them is as deep as it is long.
const MOST_OPERATORS: usize = 200;

/// How long a list that is not written out is taken to be when the cost of a loop is estimated.
const USUAL_LIST: usize = 100;

/// The highest estimated cost: a loop within a loop over such lists, with some operators.
const HIGHEST_COST: usize = 200_000;

/// How large a compiled regular expression may be, in bytes.
const LARGEST_PATTERN: usize = 256 * 1024;

/// Functions and methods that may be called by name.
const FUNCTIONS: &[&str] = &[
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "type",
    "dyn",
    "bytes",
];

/// What is called like a function but is a part of the language.
const MACROS: &[&str] = &["has", "all", "exists", "exists_one", "map", "filter"];

/// Names of types, which stand for themselves.
const TYPES: &[&str] =
    &["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];

/// Refuses text that is nested so deeply, or chains so many operators, that reading it would use up the stack.
pub fn refuse_deep(text: &str) -> Result<(), ExpressionError> {
    let (mut depth, mut operators, mut quote) = (0_usize, 0_usize, None);
    let mut before = ' ';
    let error = |at: usize, message: String| ExpressionError { message, start: at, end: at + 1 };
    for (at, character) in text.char_indices() {
        if let Some(open) = quote {
            if character == open && before != '\\' {
                quote = None;
            }
            // Two of them are one character that was written with a backslash.
            before = if before == '\\' { ' ' } else { character };
            continue;
        }
        match character {
            '"' | '\'' => quote = Some(character),
            '(' | '[' | '{' => {
                depth += 1;
                if depth > DEEPEST {
                    return Err(error(at, format!("more than {DEEPEST} brackets stand inside each other")));
                }
            }
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if matches!(
            character,
            '+' | '-' | '*' | '/' | '%' | '!' | '?' | '<' | '>' | '=' | '&' | '|' | '.' | '[' | '('
        ) {
            operators += 1;
            if operators > MOST_OPERATORS {
                return Err(error(at, format!("the condition has more than {MOST_OPERATORS} operators")));
            }
        }
        before = character;
    }
    Ok(())
}

/// What is learned about an expression by walking it once.
pub struct Survey<'a> {
    text: &'a str,
    program: &'a Program,
    /// Patterns of `matches`, by their text.
    pub patterns: HashMap<String, Regex>,
    /// Variables of the subject, with their place.
    pub names: Vec<(String, Range<usize>)>,
}

impl<'a> Survey<'a> {
    /// Walks an expression.
    ///
    /// # Errors
    /// What it calls that does not exist, or that it could cost too much.
    pub fn of(text: &'a str, program: &'a Program) -> Result<Self, ExpressionError> {
        let mut survey = Self { text, program, patterns: HashMap::new(), names: Vec::new() };
        let cost = survey.visit(program.expression(), &BTreeSet::new(), 0)?.0;
        if cost > HIGHEST_COST {
            return survey.refuse(program.expression(), "the condition has too many loops inside each other");
        }
        Ok(survey)
    }

    /// Where a part was written.
    fn range(&self, expression: &IdedExpr) -> Range<usize> {
        let Some((start, stop)) = self.program.source_info().offset_for(expression.id) else {
            return 0..self.text.len();
        };
        let start = self.text.floor_char_boundary(start as usize);
        start..self.text.ceil_char_boundary(stop as usize + 1).max(start)
    }

    fn refuse<T>(&self, expression: &IdedExpr, message: impl Into<String>) -> Result<T, ExpressionError> {
        let Range { start, end } = self.range(expression);
        Err(ExpressionError { message: message.into(), start, end })
    }

    /// Cost of a part, and how many entries its value has if it is a list. `bound` are names that a loop gives.
    fn visit(
        &mut self,
        expression: &IdedExpr,
        bound: &BTreeSet<&str>,
        depth: usize,
    ) -> Result<(usize, usize), ExpressionError> {
        if depth > DEEPEST * 2 {
            return self.refuse(expression, "too many parts stand inside each other");
        }
        let depth = depth + 1;
        match &expression.expr {
            Expr::Literal(_) | Expr::Unspecified => Ok((1, 1)),
            Expr::Ident(name) => {
                self.name(name.clone(), expression, bound);
                Ok((1, USUAL_LIST))
            }
            Expr::Select(select) => {
                if let Expr::Ident(root) = &select.operand.expr {
                    let range = self.range(&select.operand);
                    self.named(format!("{root}.{}", select.field), root, range, bound);
                    return Ok((2, USUAL_LIST));
                }
                let (cost, _) = self.visit(&select.operand, bound, depth)?;
                Ok((cost + 1, USUAL_LIST))
            }
            Expr::Call(call) => {
                let named = call.func_name.chars().all(|c| c.is_alphanumeric() || c == '_')
                    && call.func_name.starts_with(char::is_alphabetic);
                if named && !FUNCTIONS.contains(&call.func_name.as_str()) {
                    let known =
                        nearest(&call.func_name, FUNCTIONS.iter().copied().chain(MACROS.iter().copied()));
                    let help = known.map_or_else(String::new, |known| format!(": did you mean `{known}`?"));
                    return self.refuse(
                        expression,
                        format!("there is no function `{}`{help}", clean(&call.func_name)),
                    );
                }
                if call.func_name == "matches" {
                    self.pattern(expression, call.args.last())?;
                }
                let (mut cost, mut entries) = (1_usize, 0_usize);
                for part in call.target.as_deref().into_iter().chain(&call.args) {
                    let (part, list) = self.visit(part, bound, depth)?;
                    cost = cost.saturating_add(part);
                    entries = entries.saturating_add(list);
                }
                Ok((cost, entries.max(1)))
            }
            Expr::List(list) => {
                let mut cost = 1_usize;
                for element in &list.elements {
                    cost = cost.saturating_add(self.visit(element, bound, depth)?.0);
                }
                Ok((cost, list.elements.len()))
            }
            Expr::Map(map) => {
                let mut cost = 1_usize;
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        cost = cost.saturating_add(self.visit(&entry.key, bound, depth)?.0);
                        cost = cost.saturating_add(self.visit(&entry.value, bound, depth)?.0);
                    }
                }
                Ok((cost, map.entries.len()))
            }
            Expr::Struct(_) => self.refuse(expression, "messages cannot be made here"),
            Expr::Comprehension(comprehension) => self.visit_loop(comprehension, bound, depth),
        }
    }

    fn visit_loop(
        &mut self,
        comprehension: &ComprehensionExpr,
        bound: &BTreeSet<&str>,
        depth: usize,
    ) -> Result<(usize, usize), ExpressionError> {
        let (range, entries) = self.visit(&comprehension.iter_range, bound, depth)?;
        let mut inner = bound.clone();
        inner.insert(&comprehension.iter_var);
        inner.extend(comprehension.iter_var2.as_deref());
        inner.insert(&comprehension.accu_var);
        let first = self.visit(&comprehension.accu_init, bound, depth)?.0;
        let mut turn = 0_usize;
        for part in [&comprehension.loop_cond, &comprehension.loop_step] {
            turn = turn.saturating_add(self.visit(part, &inner, depth)?.0);
        }
        let last = self.visit(&comprehension.result, &inner, depth)?.0;
        let cost = [range, first, last].into_iter().fold(entries.saturating_mul(turn), usize::saturating_add);
        Ok((cost, entries))
    }

    fn name(&mut self, name: String, expression: &IdedExpr, bound: &BTreeSet<&str>) {
        let range = self.range(expression);
        let root = name.clone();
        self.named(name, &root, range, bound);
    }

    /// Remembers a variable of the subject, as opposed to one that a loop gives or the name of a type.
    fn named(&mut self, name: String, root: &str, at: Range<usize>, bound: &BTreeSet<&str>) {
        let of_the_language = root.starts_with('@') || TYPES.contains(&root);
        if !of_the_language && !bound.contains(root) {
            self.names.push((name, at));
        }
    }

    /// Compiles the pattern of `matches`, which must be written out.
    fn pattern(&mut self, call: &IdedExpr, pattern: Option<&IdedExpr>) -> Result<(), ExpressionError> {
        let Some(Expr::Literal(LiteralValue::String(pattern))) = pattern.map(|pattern| &pattern.expr) else {
            return self.refuse(call, "the pattern of `matches` must be a text that is written out");
        };
        match RegexBuilder::new(pattern.inner()).size_limit(LARGEST_PATTERN).build() {
            Ok(regex) => {
                self.patterns.insert(pattern.inner().to_owned(), regex);
                Ok(())
            }
            Err(regex::Error::CompiledTooBig(_)) => {
                self.refuse(call, "the pattern of `matches` is too large")
            }
            Err(error) => {
                let said = error.to_string();
                let reason = said.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.refuse(
                    call,
                    format!("the pattern of `matches` is no regular expression: {}", clean(reason)),
                )
            }
        }
    }
}
