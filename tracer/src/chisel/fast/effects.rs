//! What a simple function does besides changing variables: it is done behind a run that came to its end. Nothing of it can be seen
//! by the script, so that it is no matter when it is done.

use rhai::{Array, ImmutableString, Map};

use super::{
    super::{
        declared::Declared,
        functions::output::{Addition, emit_json, print},
        value::Tally,
    },
    value::Value,
};

/// Something that is to be done.
#[derive(Debug)]
pub(super) enum Effect {
    /// `print(TEXT)`
    Print(ImmutableString),
    /// `emit_json(MAP)`
    Json(Map),
    /// `TALLY.add(KEYS, VALUE)`
    Add(Addition),
    /// `stop()`
    Stop,
}

impl Effect {
    pub(super) fn apply(self, it: &mut Declared) {
        match self {
            Self::Print(text) => print(it, &text),
            Self::Json(map) => emit_json(it, map),
            Self::Add(addition) => addition.apply(it),
            Self::Stop => it.done = true,
        }
    }
}

/// A function that has an effect and says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Print,
    Json,
    Add,
    Stop,
}

impl Action {
    /// By name and number of arguments, of which the first may stand before a point.
    pub(super) fn of(name: &str, arguments: usize) -> Option<Self> {
        Some(match (name, arguments) {
            ("print", 1) => Self::Print,
            ("emit_json", 1) => Self::Json,
            ("add", 3) => Self::Add,
            ("stop", 0) => Self::Stop,
            _ => return None,
        })
    }

    /// What is to be done. `None`: the interpreter has to do it, or to say what is wrong.
    pub(super) fn effect(self, it: &Declared, arguments: Vec<Value>) -> Option<Effect> {
        let mut arguments = arguments.into_iter();
        let (first, second, third) = (arguments.next(), arguments.next(), arguments.next());
        Some(match (self, first, second, third) {
            (Self::Print, Some(Value::Text(text)), None, None) => Effect::Print(text),
            (Self::Json, Some(Value::Other(map)), None, None) => Effect::Json(map.try_cast::<Map>()?),
            (Self::Add, Some(Value::Other(tally)), Some(Value::Other(keys)), Some(value)) => {
                let keys = keys.try_cast::<Array>()?;
                Effect::Add(Addition::new(it, tally.try_cast::<Tally>()?, &keys, value.into_dynamic()).ok()?)
            }
            (Self::Stop, None, None, None) => Effect::Stop,
            _ => return None,
        })
    }
}
