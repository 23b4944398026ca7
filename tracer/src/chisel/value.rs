//! Events and values as scripts see them.

use std::{cell::RefCell, rc::Rc};

use rhai::Dynamic;

use crate::{
    fields::{Context, FieldRef, Value},
    format::escape::escaped,
};

/// Handle of a field that a script asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Handle(pub(super) usize);

/// The event of `on_event`: the values of the fields that the script asked for. It is good during that call.
#[derive(Debug, Clone, Default)]
pub(super) struct ScriptEvent {
    values: Rc<RefCell<Vec<Dynamic>>>,
}

impl ScriptEvent {
    pub(super) fn fill(&self, fields: &[FieldRef], context: &Context<'_>) {
        let mut values = self.values.borrow_mut();
        values.clear();
        values.extend(fields.iter().map(|field| dynamic(field, context)));
    }

    pub(super) fn get(&self, handle: Handle) -> Dynamic {
        self.values.borrow().get(handle.0).cloned().unwrap_or(Dynamic::UNIT)
    }
}

/// A missing value is `()`. Text is escaped here already: whatever a script does with it, it is safe to print.
fn dynamic(field: &FieldRef, context: &Context<'_>) -> Dynamic {
    of_value(field, field.get(context))
}

fn of_value(field: &FieldRef, value: Value<'_>) -> Dynamic {
    match value {
        Value::Missing => Dynamic::UNIT,
        Value::Text(text) => escaped(&text).into(),
        Value::I64(number) => number.into(),
        Value::U64(number) => i64::try_from(number).unwrap_or(i64::MAX).into(),
        Value::F64(number) => number.into(),
        Value::Bool(flag) => flag.into(),
        Value::List(values) => values.into_iter().map(|value| of_value(field, value)).collect::<Vec<_>>().into(),
        value @ (Value::Ip(_) | Value::EitherIp(_) | Value::EitherPort(_)) => {
            let mut text = Vec::new();
            value.write(field.field.digits, &mut text);
            String::from_utf8_lossy(&text).into_owned().into()
        }
    }
}
