//! An expression, compiled once and evaluated for each event.

use std::thread;

use cel::common::ast::{IdedExpr, SourceInfo};
use cel::common::types::{CelMap, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Value};

use super::FilterInput;
use super::check::{Finding, check};
use super::error::Position;
use super::failure::FilterFailure;
use super::meter::{PATTERN_PREFIX, meter};
use super::purse::{ENV, PURSE, Purse, STEPS_MAX, TextPattern};
use super::reads::Reads;
use super::scan::scan;
use super::value;

/// Stack of the thread that compiles. What passes the scan takes a small part of it.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Rules of the grammar inside of each other.
const RECURSION_MAX: u16 = 64;

/// Most mistakes that are told at once.
const MISTAKES_MAX: usize = 10;

/// Longest message of the parser that is passed on, in bytes.
const PARSER_WORDS_MAX: usize = 200;

/// What is wrong with an expression, and where.
pub(super) type Mistake = (Position, String);

/// An expression that can be evaluated.
#[derive(Debug)]
pub(super) struct Expression {
    root: IdedExpr,
    patterns: Vec<TextPattern>,
    event: Reads,
    data: Reads,
}

impl Expression {
    /// Compiles an expression, or tells all that is wrong with it.
    pub(super) fn compile(text: &str) -> Result<Self, Vec<Mistake>> {
        scan(text).map_err(|(at, message)| vec![(Position::of_offset(text, at), message)])?;
        // The parser is generated, recursive code that panics on some broken inputs. A thread of its own has
        // the stack for it, and a panic ends with the thread.
        let no_thread = |reason: &str| vec![(Position::of_offset(text, 0), reason.to_owned())];
        thread::scope(|scope| {
            let compiling = thread::Builder::new()
                .name("filter-compiler".to_owned())
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, || compile(text));
            match compiling.map(thread::ScopedJoinHandle::join) {
                Ok(Ok(compiled)) => compiled,
                Ok(Err(_)) => Err(no_thread("the expression is not understood")),
                Err(_) => Err(no_thread("the expression cannot be compiled now: there is no thread for it")),
            }
        })
    }

    /// Evaluates the expression for an event.
    pub(super) fn evaluate(&self, input: &FilterInput<'_>) -> Result<bool, FilterFailure> {
        self.evaluate_within(input, &Purse::new(STEPS_MAX))
    }

    pub(super) fn evaluate_within(
        &self,
        input: &FilterInput<'_>,
        purse: &Purse,
    ) -> Result<bool, FilterFailure> {
        let variables = Variables::new(self, input, purse)?;
        let mut context = Context::with_env(ENV.clone());
        context.set_variable_resolver(&variables);
        // This door, of several, is compiled with the evaluator; others would be with this file, and take
        // much more stack where that is not optimized.
        let result = Value::resolve(&self.root, &context);
        if purse.is_spent() {
            return Err(FilterFailure::CutOff);
        }
        match result {
            Ok(Value::Bool(passes)) => Ok(passes),
            Ok(other) => Err(FilterFailure::NotBool(other.type_of().to_string())),
            Err(error) => Err(FilterFailure::of(&error)),
        }
    }
}

fn compile(text: &str) -> Result<Expression, Vec<Mistake>> {
    let parser = ENV.parser().max_recursion_depth(RECURSION_MAX);
    let (mut root, source) = parser.parse_with_source_info(text).map_err(|errors| {
        let mistakes = errors.errors.into_iter().take(MISTAKES_MAX).map(|error| {
            let (line, column) = error.pos;
            let [line, column] = [line, column].map(|number| usize::try_from(number).unwrap_or(0));
            (Position::of_column(text, line, column), words(&error.msg))
        });
        mistakes.collect::<Vec<_>>()
    })?;
    let mut checked = check(&root);
    let metered = meter(&mut root);
    let patterns = metered.unwrap_or_else(|findings| {
        checked.findings.extend(findings);
        Vec::new()
    });
    if checked.findings.is_empty() {
        Ok(Expression {
            root,
            patterns,
            event: checked.event,
            data: checked.data,
        })
    } else {
        Err(mistakes(text, &source, checked.findings))
    }
}

/// Finds the places of what the checks found.
fn mistakes(text: &str, source: &SourceInfo, findings: Vec<Finding>) -> Vec<Mistake> {
    let mut mistakes: Vec<Mistake> = findings
        .into_iter()
        .map(|(node, message)| {
            let start = source.offset_for(node).map_or(0, |(start, _)| start);
            (Position::of_offset(text, usize::try_from(start).unwrap_or(0)), message)
        })
        .collect();
    mistakes.sort();
    mistakes.truncate(MISTAKES_MAX);
    mistakes
}

/// Bounds the parser's own words.
fn words(message: &str) -> String {
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
    // Its list of everything that could stand here helps nobody.
    let message = message.split(" expecting {").next().unwrap_or(message);
    let end = message.floor_char_boundary(PARSER_WORDS_MAX);
    let message = message.get(..end).unwrap_or(message);
    match message {
        "" | "UNKNOWN" => "the expression is not understood".to_owned(),
        _ => message.to_owned(),
    }
}

/// The variables of one evaluation.
struct Variables<'v> {
    event: Option<CelMap<'v>>,
    data: Option<CelMap<'v>>,
    event_type: CelString<'v>,
    customer: CelString<'v>,
    patterns: &'v [TextPattern],
    purse: &'v Purse,
}

impl<'v> Variables<'v> {
    /// Parses what the expression reads, and no more.
    fn new(
        expression: &'v Expression,
        input: &FilterInput<'v>,
        purse: &'v Purse,
    ) -> Result<Self, FilterFailure> {
        let read = |reads: &'v Reads, json: &'v [u8]| {
            let is_read = !reads.is_nothing();
            is_read.then(|| value::object(json, reads)).transpose()
        };
        let event = read(&expression.event, input.event)?;
        let data = read(&expression.data, input.data)?;
        Ok(Self {
            event,
            data,
            event_type: CelString::from(input.event_type),
            customer: CelString::from(input.customer),
            patterns: &expression.patterns,
            purse,
        })
    }
}

impl VariableResolver for Variables<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let value: &'b (dyn Val + 'b) = match variable {
            PURSE => self.purse,
            "event" => self.event.as_ref()?,
            "data" => self.data.as_ref()?,
            "eventType" => &self.event_type,
            "customer" => &self.customer,
            _ => {
                let index: usize = variable.strip_prefix(PATTERN_PREFIX)?.parse().ok()?;
                self.patterns.get(index)?
            }
        };
        Some(CowVal::Borrowed(value))
    }
}
