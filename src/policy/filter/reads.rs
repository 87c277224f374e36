//! Which members of an event an expression reads, so that no others are made into values.

use std::collections::BTreeMap;

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

/// The members that are read of an object, or all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reads {
    whole: bool,
    members: BTreeMap<String, Reads>,
}

impl Reads {
    /// Everything.
    pub(super) const WHOLE: &'static Self = &Self {
        whole: true,
        members: BTreeMap::new(),
    };

    /// Adds what a path leads to; no path at all leads to the whole.
    pub(super) fn add(&mut self, path: &[&str]) {
        match path {
            _ if self.whole => {}
            [] => self.clone_from(Self::WHOLE),
            [name, rest @ ..] => self.members.entry((*name).to_owned()).or_default().add(rest),
        }
    }

    /// Tells whether nothing is read.
    pub(super) fn is_nothing(&self) -> bool {
        !self.whole && self.members.is_empty()
    }

    /// Returns what is read of a member, if anything.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        if self.whole {
            Some(Self::WHOLE)
        } else {
            self.members.get(name)
        }
    }
}

/// Returns the variable that a chain such as `data.a['b']` starts from, and the names that follow.
pub(super) fn path(node: &IdedExpr) -> Option<(&str, Vec<&str>)> {
    let mut names = Vec::new();
    let mut node = node;
    loop {
        match &node.expr {
            Expr::Ident(root) => {
                names.reverse();
                return Some((root, names));
            }
            Expr::Select(select) => {
                names.push(select.field.as_str());
                node = &select.operand;
            }
            Expr::Call(call) if call.func_name == operators::INDEX && call.target.is_none() => {
                let [operand, index] = call.args.as_slice() else {
                    return None;
                };
                let Expr::Literal(LiteralValue::String(name)) = &index.expr else {
                    return None;
                };
                names.push(name.inner());
                node = operand;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_path_takes_in_the_longer_ones() {
        let mut reads = Reads::default();
        assert!(reads.is_nothing());
        reads.add(&["a", "b"]);
        reads.add(&["a", "c"]);
        assert!(reads.member("a").and_then(|a| a.member("b")).is_some());
        assert_eq!((reads.member("b"), reads.member("a").and_then(|a| a.member("d"))), (None, None));
        reads.add(&["a"]);
        reads.add(&["a", "b"]);
        assert_eq!(reads.member("a"), Some(Reads::WHOLE));
        reads.add(&[]);
        assert_eq!(&reads, Reads::WHOLE);
    }
}
