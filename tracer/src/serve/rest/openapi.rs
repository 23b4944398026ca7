//! The description of the API, made of the routes.

use serde_json::{Map, Value, json};

use crate::serve::{
    http::{Answer, Request},
    routes::{ROUTES, Route},
};

pub(in crate::serve) async fn document(_request: Request) -> Answer {
    Answer::json(&json!({
        "openapi": "3.1.0",
        "info": { "title": "tracer", "version": env!("CARGO_PKG_VERSION") },
        "paths": ROUTES.iter().map(path).collect::<Map<String, Value>>(),
    }))
}

fn path(route: &Route) -> (String, Value) {
    let name = json!({ "name": "name", "in": "path", "required": true, "schema": { "type": "string" } });
    let names = Some(name).filter(|_| route.has_rest).into_iter();
    let parameters: Vec<Value> = names.chain(route.takes.iter().map(|param| param.described())).collect();
    let mut get = json!({
        "summary": route.about,
        "responses": {
            "200": { "description": "what was asked for" },
            "default": { "description": "an error: {\"message\": TEXT}, with \"parameter\" and \"hint\" if a parameter is wrong" },
        },
    });
    if !parameters.is_empty() {
        get["parameters"] = parameters.into();
    }
    let mut methods = json!({ "get": get });
    if route.takes_body {
        methods["post"] = methods["get"].clone();
    }
    (route.with_name("{name}"), methods)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_described() {
        let paths: Map<String, Value> = ROUTES.iter().map(path).collect();
        assert_eq!(paths.len(), ROUTES.len());
        for (path, methods) in &paths {
            assert!(!methods["get"]["summary"].as_str().unwrap().is_empty(), "{path}");
            let parameters = methods["get"]["parameters"].as_array().cloned().unwrap_or_default();
            assert_eq!(path.contains("{name}"), parameters.iter().any(|it| it["in"] == "path"), "{path}");
            let names: BTreeSet<&str> = parameters.iter().filter_map(|it| it["name"].as_str()).collect();
            assert_eq!(names.len(), parameters.len(), "{path}");
        }
    }
}
