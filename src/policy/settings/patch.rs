//! Merge patches (RFC 7396): what changes one document into another.

use serde_json::{Map, Value};

/// Applies a patch: its members take the place of the target's, and what it says is null goes.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in members {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name).or_insert(Value::Null), value);
        }
    }
}

/// Finds the patch that makes one document of the other; neither may have a null in it.
pub fn difference(before: &Value, after: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return after.clone();
    };
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let mut patch: Map<String, Value> = gone.map(|name| (name.clone(), Value::Null)).collect();
    for (name, value) in after {
        let change = match before.get(name) {
            Some(same) if same == value => continue,
            Some(old) => difference(old, value),
            None => value.clone(),
        };
        patch.insert(name.clone(), change);
    }
    Value::Object(patch)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let document = json!({"a": 1, "b": {"c": 2, "d": [1, 2]}});
        let table = [
            (json!({}), document.clone(), "nothing is named"),
            (json!({"a": 3}), json!({"a": 3, "b": {"c": 2, "d": [1, 2]}}), "a value"),
            (json!({"b": {"c": null}}), json!({"a": 1, "b": {"d": [1, 2]}}), "null takes away"),
            (json!({"b": {"d": [3]}}), json!({"a": 1, "b": {"c": 2, "d": [3]}}), "a list is one value"),
            (
                json!({"a": {"e": {"f": null}}}),
                json!({"a": {"e": {}}, "b": {"c": 2, "d": [1, 2]}}),
                "no nulls stay",
            ),
            (json!({"x": null}), document.clone(), "what is not there cannot go"),
            (json!([1]), json!([1]), "what is no object takes the place of all"),
        ];
        for (patch, right, why) in table {
            let mut patched = document.clone();
            merge(&mut patched, &patch);
            assert_eq!(patched, right, "{why}");
        }
    }

    fn documents() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            (0..3i64).prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            prop::collection::vec(0..3i64, 0..3).prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop::collection::btree_map("[a-d]", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect()))
        })
    }

    proptest! {
        #[test]
        fn the_difference_makes_one_document_of_the_other(before in documents(), after in documents()) {
            let mut patched = before.clone();
            merge(&mut patched, &difference(&before, &after));
            prop_assert_eq!(patched, after);
        }
    }
}
