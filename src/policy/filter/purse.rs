//! What bounds the work of an expression: each evaluation has a purse of steps, and inner functions that no
//! source can name take steps out of it before the work is done.

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use cel::common::functions::Function;
use cel::common::types::{
    CelBool, CelBytes, CelDouble, CelInt, CelList, CelMap, CelString, DYN_TYPE, Kind, Type,
};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{Env, ExecutionError};
use regex::Regex;

/// Most steps of an evaluation: nodes evaluated in loops, values looked at, copied or compared.
pub(super) const STEPS_MAX: u64 = 100_000;

/// Bytes of a text that are worth a step.
const BYTES_A_STEP: usize = 64;

/// The purse, as a variable.
pub(super) const PURSE: &str = "@purse";
/// Takes the whole size of a value.
pub(super) const DEEP: &str = "@deep";
/// Takes the size of a text; anything else is one step.
pub(super) const FLAT: &str = "@flat";
/// Takes the size of what a loop goes over, and its length times the nodes of its body.
pub(super) const EACH: &str = "@each";
/// Takes the size of an index, and refuses what is none.
pub(super) const KEY: &str = "@key";
/// Passes true and false on, and nothing else.
pub(super) const VERDICT: &str = "@verdict";
/// Matches a text against a pattern compiled beforehand.
pub(super) const MATCHES: &str = "@matches";

/// The environment of all filters.
#[expect(
    clippy::expect_used,
    reason = "the names are fixed, and none is declared by the standard library"
)]
pub(super) static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib().with_optional_support(false);
    let functions: [(&str, usize, Function); 6] = [
        (DEEP, 2, deep),
        (FLAT, 2, flat),
        (EACH, 3, each),
        (KEY, 2, key),
        (VERDICT, 2, verdict),
        (MATCHES, 3, matches),
    ];
    for (name, arguments, function) in functions {
        env.add_overload(
            name,
            name,
            std::iter::repeat_n((), arguments).map(|()| DYN_TYPE).collect(),
            function,
        )
        .expect("no function has an inner name");
    }
    Arc::new(env)
});

static PURSE_TYPE: Type = Type::new_unspecified_type("@purse");
static PATTERN_TYPE: Type = Type::new_unspecified_type("@pattern");

/// The steps that are left to an evaluation.
#[derive(Debug)]
pub(super) struct Purse {
    // Atomic only because values must be `Sync`; an evaluation has one thread.
    left: AtomicU64,
    spent: AtomicBool,
}

impl Purse {
    pub(super) fn new(steps: u64) -> Self {
        Self {
            left: AtomicU64::new(steps),
            spent: AtomicBool::new(false),
        }
    }

    /// Tells whether more was asked for than there was. It stays so, because `&&`, `||`, `all` and `exists`
    /// absorb errors.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Relaxed)
    }

    /// Returns what is left.
    #[cfg(test)]
    pub(super) fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Lets `take` take steps; none is what it returns when there were not enough.
    fn pay(&self, take: impl FnOnce(&mut u64) -> Option<()>) -> Result<(), ExecutionError> {
        let mut left = self.left.load(Ordering::Relaxed);
        if !self.is_spent() && take(&mut left).is_some() {
            self.left.store(left, Ordering::Relaxed);
            return Ok(());
        }
        self.spent.store(true, Ordering::Relaxed);
        self.left.store(0, Ordering::Relaxed);
        Err(ExecutionError::function_error("filter", "no steps are left"))
    }
}

impl Val for Purse {
    fn get_type(&self) -> &Type {
        &PURSE_TYPE
    }

    fn cel_type() -> &'static Type {
        &PURSE_TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        // A copy would be a second purse.
        Box::new(Self::new(0))
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Purse {}

/// A regular expression, compiled with the filter.
#[derive(Clone, Debug)]
pub(super) struct TextPattern {
    pub(super) regex: Regex,
    /// What matching a byte costs.
    pub(super) steps_a_byte: usize,
}

impl Val for TextPattern {
    fn get_type(&self) -> &Type {
        &PATTERN_TYPE
    }

    fn cel_type() -> &'static Type {
        &PATTERN_TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for TextPattern {}

/// Takes steps while there are enough.
fn take(steps: usize, left: &mut u64) -> Option<()> {
    *left = left.checked_sub(u64::try_from(steps).ok()?)?;
    Some(())
}

/// Takes the size of a value with all that is in it; stops as soon as nothing is left.
fn take_deep(value: &dyn Val, left: &mut u64) -> Option<()> {
    match value.get_type().kind() {
        Kind::List => {
            take(1, left)?;
            let list = value.downcast_ref::<CelList<'_>>()?;
            list.inner()
                .iter()
                .try_for_each(|item| take_deep(item.as_ref(), left))
        }
        Kind::Map => {
            take(1, left)?;
            let map = value.downcast_ref::<CelMap<'_>>()?;
            map.inner().iter().try_for_each(|(key, item)| {
                take_flat(key.inner(), left)?;
                take_deep(item.as_ref(), left)
            })
        }
        _ => take_flat(value, left),
    }
}

/// Takes the size of a text; anything else is one step.
fn take_flat(value: &dyn Val, left: &mut u64) -> Option<()> {
    take(1 + bytes(value) / BYTES_A_STEP, left)
}

fn bytes(value: &dyn Val) -> usize {
    match value.get_type().kind() {
        Kind::String => value
            .downcast_ref::<CelString<'_>>()
            .map_or(0, |text| text.inner().len()),
        Kind::Bytes => value
            .downcast_ref::<CelBytes<'_>>()
            .map_or(0, |bytes| bytes.inner().len()),
        _ => 0,
    }
}

fn purse<'a>(arguments: &'a [CowVal<'_, '_>]) -> Result<&'a Purse, ExecutionError> {
    arguments
        .first()
        .and_then(|purse| purse.downcast_ref::<Purse>())
        .ok_or(ExecutionError::MissingArgumentOrTarget)
}

/// Returns the last argument, which all inner functions are about.
fn last<'b, 'v>(mut arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    arguments.pop().ok_or(ExecutionError::MissingArgumentOrTarget)
}

/// `@deep(purse, value)`.
fn deep<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    if let [_, value] = arguments.as_slice() {
        purse(&arguments)?.pay(|left| take_deep(value.as_ref(), left))?;
    }
    last(arguments)
}

/// `@flat(purse, value)`.
fn flat<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    if let [_, value] = arguments.as_slice() {
        purse(&arguments)?.pay(|left| take_flat(value.as_ref(), left))?;
    }
    last(arguments)
}

/// `@each(purse, nodes, range)`.
fn each<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    if let [_, nodes, range] = arguments.as_slice() {
        let nodes = nodes.downcast_ref::<CelInt>().map_or(1, |nodes| *nodes.inner());
        let turns = range.as_sizer().map_or(0, |range| *range.size().inner());
        purse(&arguments)?.pay(|left| {
            take(usize::try_from(nodes.saturating_mul(turns)).ok()?, left)?;
            take_deep(range.as_ref(), left)
        })?;
    }
    last(arguments)
}

/// `@key(purse, index)`. What is no index is refused here, because the evaluator would copy the whole list
/// or map into its error.
fn key<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let refused = |index: &dyn Val| ExecutionError::UnexpectedType {
        got: index.get_type().name().to_owned(),
        want: "int, uint, string or bool".to_owned(),
    };
    if let [_, index] = arguments.as_slice() {
        purse(&arguments)?.pay(|left| take_flat(index.as_ref(), left))?;
        match index.get_type().kind() {
            Kind::Int | Kind::UInt | Kind::String | Kind::Boolean => {}
            Kind::Double => {
                let number = index
                    .downcast_ref::<CelDouble>()
                    .map_or(f64::NAN, |number| *number.inner());
                if number.fract() != 0.0 {
                    return Err(refused(index.as_ref()));
                }
            }
            _ => return Err(refused(index.as_ref())),
        }
    }
    last(arguments)
}

/// `@verdict(purse, result)`. What is no verdict fails under this function's name, with its type.
fn verdict<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let result = last(arguments)?;
    match result.get_type().kind() {
        Kind::Boolean => Ok(result),
        _ => Err(ExecutionError::function_error(VERDICT, result.get_type().name())),
    }
}

/// `@matches(purse, pattern, text)`.
fn matches<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let [_, pattern, text] = arguments.as_slice() else {
        return Err(ExecutionError::MissingArgumentOrTarget);
    };
    let (Some(pattern), Some(text)) =
        (pattern.downcast_ref::<TextPattern>(), text.downcast_ref::<CelString<'_>>())
    else {
        let types = vec![text.get_type().name().to_owned()];
        return Err(ExecutionError::no_such_overload("matches", types));
    };
    purse(&arguments)?.pay(|left| take(1 + text.inner().len().saturating_mul(pattern.steps_a_byte), left))?;
    Ok(CowVal::owned(CelBool::from(pattern.regex.is_match(text.inner()))))
}
