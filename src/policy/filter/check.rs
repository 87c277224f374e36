//! Whether a parsed expression keeps to the language: variables, functions, size.

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use super::reads::{Reads, path};

/// Most nodes of an expression.
const NODES_MAX: usize = 500;

/// Most nodes inside of each other: an evaluation takes stack for each.
const DEPTH_MAX: usize = 48;

/// What an expression may read.
const VARIABLES: [&str; 4] = ["event", "data", "eventType", "customer"];

/// The types, to compare `type(x)` with.
const TYPES: [&str; 9] = [
    "bool",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "list",
    "map",
    "null_type",
];

/// Functions called as `name(..)`, with the number of their arguments.
const FUNCTIONS: [(&str, usize); 10] = [
    ("size", 1),
    ("string", 1),
    ("int", 1),
    ("uint", 1),
    ("double", 1),
    ("bool", 1),
    ("bytes", 1),
    ("type", 1),
    ("dyn", 1),
    ("matches", 2),
];

/// Functions called as `value.name(..)`, with the number of their arguments.
const METHODS: [(&str, usize); 5] = [
    ("size", 0),
    ("contains", 1),
    ("startsWith", 1),
    ("endsWith", 1),
    ("matches", 1),
];

/// Macros, which are no calls any more once they are understood.
const MACROS: [(&str, &str); 7] = [
    ("has", "has(value.member)"),
    ("all", "list.all(x, condition)"),
    ("exists", "list.exists(x, condition)"),
    ("exists_one", "list.exists_one(x, condition)"),
    ("existsOne", "list.existsOne(x, condition)"),
    ("map", "list.map(x, value)"),
    ("filter", "list.filter(x, condition)"),
];

/// What is wrong, and the node that it is about.
pub(super) type Finding = (u64, String);

/// What a look over an expression found.
#[derive(Default)]
pub(super) struct Checked {
    /// What is wrong.
    pub(super) findings: Vec<Finding>,
    /// What it reads of the event.
    pub(super) event: Reads,
    /// What it reads of the payload.
    pub(super) data: Reads,
}

/// Looks over an expression.
pub(super) fn check(expression: &IdedExpr) -> Checked {
    let mut check = Check {
        checked: Checked::default(),
        names: Vec::new(),
        nodes: 0,
        too_deep: false,
    };
    check.visit(expression, 1);
    if check.nodes > NODES_MAX {
        let message = format!("the expression has {} nodes, more than {NODES_MAX}", check.nodes);
        check.refuse(expression, message);
    }
    if let Some(kind) = never_bool(expression) {
        check.refuse(expression, format!("the expression comes to {kind}, not to true or false"));
    }
    check.checked
}

struct Check<'a> {
    checked: Checked,
    names: Vec<&'a str>,
    nodes: usize,
    too_deep: bool,
}

impl<'a> Check<'a> {
    fn refuse(&mut self, node: &IdedExpr, message: String) {
        self.checked.findings.push((node.id, message));
    }

    fn visit(&mut self, node: &'a IdedExpr, depth: usize) {
        self.nodes += 1;
        if depth > DEPTH_MAX {
            if !std::mem::replace(&mut self.too_deep, true) {
                self.refuse(node, format!("more than {DEPTH_MAX} operations inside of each other"));
            }
            return;
        }
        if self.reads(node) {
            return;
        }
        let inside = depth + 1;
        match &node.expr {
            Expr::Unspecified => self.refuse(node, "this is not understood".to_owned()),
            Expr::Literal(_) => {}
            Expr::Ident(name) => self.name(node, name),
            Expr::Select(select) => self.visit(&select.operand, inside),
            Expr::List(list) => {
                for element in &list.elements {
                    self.visit(element, inside);
                }
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.visit(&entry.key, inside);
                        self.visit(&entry.value, inside);
                    }
                }
            }
            Expr::Struct(_) => self.refuse(node, "a filter cannot make messages".to_owned()),
            Expr::Comprehension(comprehension) => {
                self.visit(&comprehension.iter_range, inside);
                self.visit(&comprehension.accu_init, inside);
                self.names.push(&comprehension.iter_var);
                self.visit(&comprehension.loop_cond, inside);
                self.visit(&comprehension.loop_step, inside);
                self.visit(&comprehension.result, inside);
                self.names.pop();
            }
            Expr::Call(call) => self.call(node, call, inside),
        }
    }

    /// Takes note of a node that reads the event or the payload.
    fn reads(&mut self, node: &IdedExpr) -> bool {
        let Some((root, names)) = path(node) else {
            return false;
        };
        if self.names.contains(&root) || names.len() > DEPTH_MAX {
            return false;
        }
        match root {
            "event" => self.checked.event.add(&names),
            "data" => self.checked.data.add(&names),
            _ => return false,
        }
        self.nodes += names.len();
        true
    }

    fn name(&mut self, node: &IdedExpr, name: &str) {
        // What macros gather their results in; a source cannot name it.
        if name == "@result" || self.names.contains(&name) {
            return;
        }
        match name {
            "type" => self.refuse(node, "no variable \"type\"; it is eventType or event.type".to_owned()),
            _ if VARIABLES.contains(&name) || TYPES.contains(&name) => {}
            _ => {
                let known = VARIABLES.join(", ");
                self.refuse(node, format!("no variable \"{name}\"; there are {known}"));
            }
        }
    }

    fn call(&mut self, node: &IdedExpr, call: &'a CallExpr, inside: usize) {
        if let Some(message) = self.refusal(call) {
            self.refuse(node, message);
        }
        if let Some(target) = &call.target {
            self.visit(target, inside);
        }
        for argument in &call.args {
            self.visit(argument, inside);
        }
    }

    /// Returns what speaks against a call.
    fn refusal(&self, call: &CallExpr) -> Option<String> {
        let name = call.func_name.as_str();
        let given = call.args.len();
        if call.target.is_none() && operator_arguments(name) == Some(given) {
            return None;
        }
        let table: &[(&str, usize)] = if call.target.is_some() {
            &METHODS
        } else {
            &FUNCTIONS
        };
        let find = |table: &[(&str, usize)]| {
            table
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, wanted)| *wanted)
        };
        if let Some(wanted) = find(table) {
            return (wanted != given).then(|| format!("\"{name}\" takes {wanted} arguments, not {given}"));
        }
        if let Some((_, form)) = MACROS.iter().find(|(known, _)| *known == name) {
            return Some(format!("\"{name}\" is written {form}"));
        }
        if find(&FUNCTIONS).is_some() {
            return Some(format!("\"{name}\" is written {name}(value)"));
        }
        if find(&METHODS).is_some() {
            return Some(format!("\"{name}\" is written value.{name}(text)"));
        }
        Some(format!("no function \"{name}\""))
    }
}

/// Returns how many operands an operator has. No source can name one.
fn operator_arguments(name: &str) -> Option<usize> {
    match name {
        operators::LOGICAL_NOT | operators::NEGATE | operators::NOT_STRICTLY_FALSE => Some(1),
        operators::CONDITIONAL => Some(3),
        operators::LOGICAL_AND
        | operators::LOGICAL_OR
        | operators::ADD
        | operators::SUBSTRACT
        | operators::MULTIPLY
        | operators::DIVIDE
        | operators::MODULO
        | operators::EQUALS
        | operators::NOT_EQUALS
        | operators::LESS
        | operators::LESS_EQUALS
        | operators::GREATER
        | operators::GREATER_EQUALS
        | operators::IN
        | operators::INDEX => Some(2),
        _ => None,
    }
}

/// Tells what an expression comes to where that can never be true or false.
fn never_bool(node: &IdedExpr) -> Option<&'static str> {
    match &node.expr {
        Expr::Literal(LiteralValue::Boolean(_)) => None,
        Expr::Literal(LiteralValue::String(_)) => Some("a text"),
        Expr::Literal(LiteralValue::Null) => Some("null"),
        Expr::Literal(LiteralValue::Bytes(_)) => Some("bytes"),
        Expr::Literal(_) => Some("a number"),
        Expr::List(_) => Some("a list"),
        Expr::Map(_) => Some("a map"),
        Expr::Ident(name) => match name.as_str() {
            "event" | "data" => Some("a map"),
            "eventType" | "customer" => Some("a text"),
            _ => None,
        },
        Expr::Comprehension(comprehension) => {
            matches!(comprehension.accu_init.expr, Expr::List(_)).then_some("a list")
        }
        Expr::Call(call) => match call.func_name.as_str() {
            operators::NEGATE | operators::SUBSTRACT | operators::MULTIPLY => Some("a number"),
            operators::DIVIDE | operators::MODULO | "size" | "int" | "uint" | "double" => Some("a number"),
            operators::ADD => Some("a sum"),
            "string" => Some("a text"),
            "bytes" => Some("bytes"),
            "type" => Some("a type"),
            _ => None,
        },
        _ => None,
    }
}
