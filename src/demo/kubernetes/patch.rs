//! The four patch types, as the real API applies them.

use super::{answer::Refusal, resources::Resource};
use json_patch::{AddOperation, Patch, PatchOperation};
use serde_json::{Map, Value};

/// A patch as it came in, by media type.
#[derive(Debug, Clone)]
pub enum Change {
    /// RFC 7386.
    Merge(Value),
    /// RFC 6902.
    Json(Patch),
    /// Kubernetes' own merge with keyed lists; built-in types only.
    Strategic(Value),
    /// Server-side apply, simplified to create-or-merge.
    Apply(Value),
}

impl Change {
    /// Reads a request's body by its media type; a type that `resource` does not take is a 415.
    pub fn read(resource: Resource, media_type: &str, body: &[u8]) -> Result<Self, Refusal> {
        let json = || {
            serde_json::from_slice::<Value>(body)
                .map_err(|error| Refusal::bad_request(format!("error decoding patch: {error}")))
        };
        match media_type.split(';').next().unwrap_or_default().trim() {
            "application/merge-patch+json" => Ok(Self::Merge(json()?)),
            "application/json-patch+json" => serde_json::from_slice(body)
                .map(Self::Json)
                .map_err(|error| Refusal::bad_request(format!("error decoding patch: {error}"))),
            "application/strategic-merge-patch+json" if !resource.row().custom => {
                Ok(Self::Strategic(json()?))
            }
            // JSON is YAML: most clients send JSON under this type, kubectl sends YAML.
            "application/apply-patch+yaml" => match json() {
                Ok(object) => Ok(Self::Apply(object)),
                Err(_) => std::str::from_utf8(body)
                    .ok()
                    .and_then(|text| serde_saphyr::from_str(text).ok())
                    .map(Self::Apply)
                    .ok_or_else(|| Refusal::bad_request("error decoding YAML")),
            },
            _ => Err(Refusal::unsupported_media_type(if resource.row().custom {
                "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
            } else {
                "application/json-patch+json, application/merge-patch+json, \
                 application/strategic-merge-patch+json, application/apply-patch+yaml"
            })),
        }
    }

    /// Changes `object` in place.
    pub fn apply(&self, object: &mut Value) -> Result<(), Refusal> {
        match self {
            Self::Merge(patch) => {
                json_patch::merge(object, patch);
                Ok(())
            }
            Self::Json(patch) => apply_operations(object, patch),
            Self::Strategic(patch) | Self::Apply(patch) => {
                merge_keyed(object, patch);
                Ok(())
            }
        }
    }
}

/// RFC 6902 with the real server's one liberty: `replace` of a key that a map lacks adds it.
fn apply_operations(object: &mut Value, patch: &Patch) -> Result<(), Refusal> {
    for operation in &patch.0 {
        let operation = match operation {
            PatchOperation::Replace(replace) if object.pointer(replace.path.as_str()).is_none() => {
                let pointer = replace.path.as_str();
                let parent = pointer.rfind('/').and_then(|end| object.pointer(&pointer[..end]));
                if !parent.is_some_and(Value::is_object) {
                    return Err(Refusal::unprocessable());
                }
                let (key, value) = (replace.path.clone(), replace.value.clone());
                PatchOperation::Add(AddOperation { path: key, value })
            }
            other => other.clone(),
        };
        json_patch::patch(object, &[operation]).map_err(|_| Refusal::unprocessable())?;
    }
    Ok(())
}

/// The key by which a list of objects is merged, if it is one that has such a key.
fn merge_key(list: &[Value]) -> Option<&'static str> {
    ["name", "type", "containerPort", "uid", "ip"]
        .into_iter()
        .find(|key| !list.is_empty() && list.iter().all(|item| item.get(*key).is_some()))
}

/// Strategic merge: maps merge, keyed lists merge by key, other lists are replaced.
fn merge_keyed(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    match changes.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            let rest = changes.iter().filter(|(key, _)| *key != "$patch");
            *target = Value::Object(rest.map(|(key, value)| (key.clone(), value.clone())).collect());
            return;
        }
        Some("delete") => {
            *target = Value::Null;
            return;
        }
        _ => {}
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(object) = target else { return };
    for (key, change) in changes {
        match change {
            Value::Null => {
                object.remove(key);
            }
            Value::Array(items) => {
                let current = object.entry(key.as_str()).or_insert_with(|| Value::Array(Vec::new()));
                merge_list(current, items);
            }
            Value::Object(_) => {
                let current = object.entry(key.as_str()).or_insert(Value::Null);
                merge_keyed(current, change);
                if current.is_null() {
                    object.remove(key);
                }
            }
            scalar => {
                object.insert(key.clone(), scalar.clone());
            }
        }
    }
}

fn merge_list(current: &mut Value, items: &[Value]) {
    let (Value::Array(list), Some(key)) = (&mut *current, merge_key(items)) else {
        *current = Value::Array(items.to_vec());
        return;
    };
    for item in items {
        match list.iter().position(|known| known.get(key) == item.get(key)) {
            Some(index) if item.get("$patch").and_then(Value::as_str) == Some("delete") => {
                list.remove(index);
            }
            Some(index) => merge_keyed(&mut list[index], item),
            None => list.push(item.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patched(media_type: &str, object: &Value, patch: &Value) -> Result<Value, u16> {
        let body = patch.to_string();
        let change =
            Change::read(Resource::Deployments, media_type, body.as_bytes()).map_err(|no| no.code)?;
        let mut object = object.clone();
        change.apply(&mut object).map_err(|no| no.code)?;
        Ok(object)
    }

    #[test]
    fn each_type_of_patch_changes_as_the_real_api_does() {
        let object = json!({ "a": { "b": 1 }, "l": [{ "name": "x", "v": 1 }, { "name": "y" }] });
        let merge = "application/merge-patch+json";
        let operations = "application/json-patch+json; charset=utf-8";
        let strategic = "application/strategic-merge-patch+json";
        let list = json!([{ "name": "x", "v": 2 }]);
        for (media_type, patch, expected) in [
            (merge, json!({ "a": null }), Ok(json!({ "l": object["l"] }))),
            (merge, json!({ "l": list }), Ok(json!({ "a": { "b": 1 }, "l": list }))),
            (
                strategic,
                json!({ "l": list }),
                Ok(json!({ "a": { "b": 1 }, "l": [{ "name": "x", "v": 2 }, { "name": "y" }] })),
            ),
            (
                strategic,
                json!({ "a": { "$patch": "replace", "c": 2 } }),
                Ok(json!({ "a": { "c": 2 }, "l": object["l"] })),
            ),
            (
                operations,
                json!([{ "op": "replace", "path": "/a/new", "value": 2 }]),
                Ok(json!({ "a": { "b": 1, "new": 2 }, "l": object["l"] })),
            ),
            (operations, json!([{ "op": "remove", "path": "/a/new" }]), Err(422)),
            (operations, json!([{ "op": "replace", "path": "/z/new", "value": 2 }]), Err(422)),
            (operations, json!([{ "op": "test", "path": "/a/b", "value": 2 }]), Err(422)),
            ("text/plain", json!({}), Err(415)),
        ] {
            assert_eq!(patched(media_type, &object, &patch), expected, "{media_type} {patch}");
        }
    }

    #[test]
    fn strategic_merge_is_not_for_custom_resources() {
        let read = Change::read(Resource::Rollouts, "application/strategic-merge-patch+json", b"{}");
        assert_eq!(read.map(|_| ()).map_err(|no| no.code), Err(415));
    }
}
