//! Puts a price on an expression: where the work depends on the size of a value, the value is passed through
//! an inner function that takes steps for it first (see [`purse`](super::purse)).
//!
//! Selecting members and logic cost the same for any value and are left as they are, and so is the shape
//! `@result + [x]` of `map` and `filter`: the evaluator appends in place only where it finds just that.

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use regex::RegexBuilder;

use super::check::Finding;
use super::purse::{DEEP, EACH, FLAT, KEY, MATCHES, PURSE, TextPattern, VERDICT};

/// Most memory of a compiled pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 128 * 1024;

/// What a small pattern takes at most, in bytes.
const PATTERN_BYTES_MIN: usize = 1024;

/// Memory of a pattern that makes each byte of the text a step dearer. An unlucky pattern is followed in all
/// its states at once, at some 20 ns for each state and byte.
const PATTERN_BYTES_A_STEP: usize = 512;

/// Memory that matching a pattern takes, in bytes.
const MATCHING_BYTES_MAX: usize = 512 * 1024;

/// Nesting of a pattern.
const PATTERN_DEPTH_MAX: u32 = 32;

/// Longest literal that costs no more than a node.
const SHORT_BYTES: usize = 64;

/// The variable that holds a pattern.
pub(super) const PATTERN_PREFIX: &str = "@pattern";

/// Rewrites an expression, and compiles the patterns of its `matches`.
pub(super) fn meter(expression: &mut IdedExpr) -> Result<Vec<TextPattern>, Vec<Finding>> {
    let mut meter = Meter::default();
    meter.visit(expression);
    wrap(VERDICT, Vec::new(), expression);
    if meter.findings.is_empty() {
        Ok(meter.patterns)
    } else {
        Err(meter.findings)
    }
}

#[derive(Default)]
struct Meter {
    patterns: Vec<TextPattern>,
    findings: Vec<Finding>,
}

impl Meter {
    fn visit(&mut self, node: &mut IdedExpr) {
        match &mut node.expr {
            Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) | Expr::Struct(_) => {}
            Expr::Select(select) => self.visit(&mut select.operand),
            Expr::List(list) => {
                for element in &mut list.elements {
                    self.visit(element);
                    charge(DEEP, element);
                }
            }
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        for part in [&mut entry.key, &mut entry.value] {
                            self.visit(part);
                            charge(DEEP, part);
                        }
                    }
                }
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Call(call) => {
                if let Some(target) = &mut call.target {
                    self.visit(target);
                }
                for argument in &mut call.args {
                    self.visit(argument);
                }
                match self.call(call) {
                    Ok(()) => {}
                    Err(message) => self.findings.push((node.id, message)),
                }
            }
        }
    }

    fn comprehension(&mut self, comprehension: &mut ComprehensionExpr) {
        let parts = [
            &mut comprehension.iter_range,
            &mut comprehension.accu_init,
            &mut comprehension.loop_cond,
            &mut comprehension.loop_step,
            &mut comprehension.result,
        ];
        for part in parts {
            self.visit(part);
        }
        let body = nodes(&comprehension.loop_cond) + nodes(&comprehension.loop_step);
        let body = LiteralValue::Int(i64::try_from(body).unwrap_or(i64::MAX).into());
        let nodes = IdedExpr {
            id: 0,
            expr: Expr::Literal(body),
        };
        wrap(EACH, vec![nodes], &mut comprehension.iter_range);
    }

    fn call(&mut self, call: &mut CallExpr) -> Result<(), String> {
        match call.func_name.as_str() {
            operators::LOGICAL_AND
            | operators::LOGICAL_OR
            | operators::LOGICAL_NOT
            | operators::NOT_STRICTLY_FALSE
            | operators::CONDITIONAL
            | operators::NEGATE
            | "type"
            | "dyn" => {}
            operators::INDEX => {
                if let Some(index) = call.args.get_mut(1)
                    && !matches!(
                        index.expr,
                        Expr::Literal(LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::String(_))
                    )
                {
                    wrap(KEY, Vec::new(), index);
                }
            }
            // Comparing with something small looks at something small.
            operators::EQUALS | operators::NOT_EQUALS if call.args.iter().any(is_small) => {}
            operators::EQUALS
            | operators::NOT_EQUALS
            | operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS
            | operators::IN
            | operators::ADD
            | operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO => {
                for operand in &mut call.args {
                    charge(DEEP, operand);
                }
            }
            "matches" => return self.matches(call),
            _ => {
                for value in call.target.as_deref_mut().into_iter().chain(&mut call.args) {
                    charge(FLAT, value);
                }
            }
        }
        Ok(())
    }

    /// Turns `text.matches("pattern")` into a call with the compiled pattern.
    fn matches(&mut self, call: &mut CallExpr) -> Result<(), String> {
        let pattern = call.args.pop();
        let text = call
            .target
            .take()
            .map(|target| *target)
            .or_else(|| call.args.pop());
        let Some(Expr::Literal(LiteralValue::String(pattern))) = pattern.map(|pattern| pattern.expr) else {
            return Err("the pattern of \"matches\" must be a text in quotes".to_owned());
        };
        let compiled = compile_pattern(pattern.inner())?;
        let variable = format!("{PATTERN_PREFIX}{}", self.patterns.len());
        self.patterns.push(compiled);
        MATCHES.clone_into(&mut call.func_name);
        call.args = [ident(PURSE.to_owned()), ident(variable)]
            .into_iter()
            .chain(text)
            .collect();
        Ok(())
    }
}

/// Compiles a pattern, and finds out how large it is: the smallest limit that it compiles within.
fn compile_pattern(pattern: &str) -> Result<TextPattern, String> {
    let mut size = PATTERN_BYTES_MIN;
    loop {
        let compiled = RegexBuilder::new(pattern)
            .size_limit(size)
            .dfa_size_limit(MATCHING_BYTES_MAX)
            .nest_limit(PATTERN_DEPTH_MAX)
            .build();
        match compiled {
            Ok(regex) => {
                let steps_a_byte = (size / PATTERN_BYTES_A_STEP).max(1);
                return Ok(TextPattern { regex, steps_a_byte });
            }
            Err(regex::Error::CompiledTooBig(_)) if size < PATTERN_BYTES_MAX => size *= 2,
            Err(regex::Error::CompiledTooBig(_)) => {
                return Err("the pattern is too large once it is compiled".to_owned());
            }
            Err(other) => {
                let reason = other.to_string();
                return Err(format!("the pattern is no regular expression: {}", last_line(&reason)));
            }
        }
    }
}

/// Takes out of a message with a drawing what says something.
fn last_line(message: &str) -> &str {
    let line = message.lines().last().unwrap_or_default();
    line.trim().trim_start_matches("error: ")
}

fn ident(name: String) -> IdedExpr {
    IdedExpr {
        id: 0,
        expr: Expr::Ident(name),
    }
}

/// Passes a value through an inner function, unless it costs no more than its node.
fn charge(function: &str, node: &mut IdedExpr) {
    // The elements of a literal were charged for when it was made.
    let is_paid = matches!(&node.expr, Expr::List(_) | Expr::Map(_));
    let gathers = matches!(&node.expr, Expr::Ident(name) if name == "@result");
    if !is_paid && !gathers && !is_small(node) {
        wrap(function, Vec::new(), node);
    }
}

fn wrap(function: &str, between: Vec<IdedExpr>, node: &mut IdedExpr) {
    let value = std::mem::take(node);
    node.id = value.id;
    node.expr = Expr::Call(CallExpr {
        func_name: function.to_owned(),
        target: None,
        args: std::iter::once(ident(PURSE.to_owned()))
            .chain(between)
            .chain(std::iter::once(value))
            .collect(),
    });
}

/// Tells whether a value is small, whatever the event.
fn is_small(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => text.inner().len() <= SHORT_BYTES,
        Expr::Literal(LiteralValue::Bytes(bytes)) => bytes.inner().len() <= SHORT_BYTES,
        Expr::Literal(_) => true,
        Expr::Select(select) => select.test,
        Expr::Call(call) => matches!(
            call.func_name.as_str(),
            operators::LOGICAL_AND
                | operators::LOGICAL_OR
                | operators::LOGICAL_NOT
                | operators::NOT_STRICTLY_FALSE
                | operators::EQUALS
                | operators::NOT_EQUALS
                | operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS
                | operators::IN
                | operators::NEGATE
                | operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO
                | "size"
                | "int"
                | "uint"
                | "double"
                | "bool"
                | "type"
                | "contains"
                | "startsWith"
                | "endsWith"
                | MATCHES
        ),
        _ => false,
    }
}

/// Counts the nodes of an expression.
fn nodes(node: &IdedExpr) -> usize {
    1 + match &node.expr {
        Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) | Expr::Struct(_) => 0,
        Expr::Select(select) => nodes(&select.operand),
        Expr::List(list) => list.elements.iter().map(nodes).sum(),
        Expr::Map(map) => {
            let entries = map.entries.iter().map(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => nodes(&entry.key) + nodes(&entry.value),
                EntryExpr::StructField(_) => 0,
            });
            entries.sum()
        }
        Expr::Comprehension(comprehension) => {
            nodes(&comprehension.iter_range)
                + nodes(&comprehension.accu_init)
                + nodes(&comprehension.loop_cond)
                + nodes(&comprehension.loop_step)
                + nodes(&comprehension.result)
        }
        Expr::Call(call) => {
            let target = call.target.as_deref().map_or(0, nodes);
            target + call.args.iter().map(nodes).sum::<usize>()
        }
    }
}
