//! `container.*`.

use super::{Arg, ArgRule, Context, Field, Type, Value};
use crate::state::Container;

fn of<'a>(c: &Context<'a>) -> &'a Container {
    c.state.containers.get(c.container)
}

fn option(text: Option<&String>) -> Value<'_> {
    text.map(String::as_str).into()
}

fn labels(container: &Container) -> Value<'_> {
    if container.labels.is_empty() {
        return Value::Missing;
    }
    let all: Vec<String> = container.labels.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    Value::made(all.join(", ").into_bytes())
}

/// A field of the metadata: its value in an event is that in the container of the event.
macro_rules! metadata {
    ($by_container:expr) => {
        |c, arg| {
            let get: for<'x> fn(&'x Container, &Arg) -> Value<'x> = $by_container;
            get(of(c), arg)
        }
    };
}

/// Declares metadata fields from their value in a container, which stands once.
macro_rules! late {
    ($name:literal, $kind:ident, $get:expr, $doc:literal) => {
        Field::new($name, Type::$kind, metadata!($get), $doc).late($get)
    };
}

/// The rows.
pub(super) static FIELDS: &[Field] = &[
    Field::new(
        "container.id",
        Type::Text,
        |c, _| of(c).id.as_str().into(),
        "first twelve digits of the id; host outside of containers",
    ),
    Field::new("container.full_id", Type::Text, |c, _| of(c).full_id.as_str().into(), "the whole id"),
    Field::new(
        "container.type",
        Type::Text,
        |c, _| Value::some_text(of(c).runtime.as_bytes()),
        "runtime that made it, such as docker; host outside of containers",
    ),
    late!("container.name", Text, |k, _| option(k.name.as_ref()), "name of the container; host outside of containers"),
    late!("container.image", Text, |k, _| option(k.image.as_ref()), "image as it was started"),
    late!("container.image.id", Text, |k, _| option(k.image_id.as_ref()), "id of the image"),
    late!("container.privileged", Bool, |k, _| k.privileged.into(), "whether it is privileged"),
    late!("container.ip", Text, |k, _| option(k.ip.as_ref()), "address in the engine's network"),
    late!(
        "container.label",
        Text,
        |k, arg| option(arg.as_name().and_then(|name| k.labels.get(name))),
        "value of one label"
    )
    .arg(ArgRule::Name),
    late!("container.labels", Text, |k, _| labels(k), "all labels, as key:value joined by commas").cost(4),
];
