//! Runs a simple function for an event.

use rhai::{Dynamic, ImmutableString, Map};

use super::{
    super::{
        declared::Declared,
        engine::MAX_STRING,
        sizes::Sizes,
        value::{Data, Handle, ScriptEvent},
    },
    effects::{Action, Effect},
    natives::{MAX_ARGUMENTS, Native},
    node::{Method, Name, Node},
    ops::{append, negative},
    value::Value,
    variables::Variables,
};

/// Why a run does not go on.
#[derive(Debug)]
pub(super) enum Stop {
    /// The interpreter has to run the function.
    Bail,
    Return(Value),
}

type Outcome = Result<Value, Stop>;

/// A run of the function. It has no loops, a bounded number of nodes, and values of bounded size, so that it is over before the
/// operations and the time that a call may take.
pub(super) struct Run<'r> {
    pub(super) variables: Variables<'r>,
    /// Variables of the function. Each is set before it is read: they are found by where they stand in the text.
    pub(super) locals: &'r mut [Value],
    pub(super) event: &'r ScriptEvent,
    pub(super) declared: &'r Declared,
    /// What is to be done behind the run.
    pub(super) effects: &'r mut Vec<Effect>,
}

/// What is known, or the interpreter has to say it.
fn known<T>(value: Option<T>) -> Result<T, Stop> {
    value.ok_or(Stop::Bail)
}

/// The language does not let a value have more than a value may have.
fn allowed(value: Value) -> Outcome {
    known(value.sizes().is_some_and(Sizes::are_allowed).then_some(value))
}

impl Run<'_> {
    /// The value of the function; `None` if the interpreter has to say it. Then no variable has changed.
    pub(super) fn value(mut self, body: &Node) -> Option<Value> {
        match self.eval(body) {
            Ok(value) | Err(Stop::Return(value)) => {
                self.variables.keep();
                Some(value)
            }
            Err(Stop::Bail) => {
                self.variables.undo();
                self.effects.clear();
                None
            }
        }
    }

    fn eval(&mut self, node: &Node) -> Outcome {
        match node {
            Node::Bail => Err(Stop::Bail),
            Node::Const(value) => Ok(value.clone()),
            Node::Local(at) => known(self.locals.get(*at).cloned()),
            Node::This(name) => known(self.variables.get(name).and_then(Value::of)),
            Node::Entry(name, key) => {
                let key = self.eval(key)?;
                known(self.variables.entry(name, &key))
            }
            Node::Field(handle) => self.field(handle),
            Node::Native(native, arguments) => self.native(*native, arguments),
            Node::Effect(action, arguments) => self.effect(*action, arguments),
            Node::Call(method, arguments) => self.call(*method, arguments),
            Node::Text(parts) => self.text(parts),
            Node::Array(parts) => {
                let values = self.all(parts)?.into_iter().map(Value::into_dynamic).collect();
                allowed(Value::Other(Dynamic::from_array(values)))
            }
            Node::Map(parts) => self.map(parts),
            Node::Negative(one) => {
                let value = self.eval(one)?;
                known(negative(&value))
            }
            Node::Math(math, sides) => {
                let [left, right] = &**sides;
                let left = self.eval(left)?;
                self.with(right, |right| math.apply(&left, right))
            }
            Node::Compare(..) | Node::Not(_) | Node::And(_) | Node::Or(_) => self.holds(node).map(Value::Bool),
            Node::Coalesce(all) => {
                let mut value = Value::Unit;
                for node in all {
                    value = self.eval(node)?;
                    if !matches!(value, Value::Unit) {
                        break;
                    }
                }
                Ok(value)
            }
            Node::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                if self.holds(condition)? { self.eval(then) } else { self.eval(otherwise) }
            }
            Node::Block(nodes) => {
                let mut value = Value::Unit;
                for node in nodes {
                    value = self.eval(node)?;
                }
                Ok(value)
            }
            Node::SetLocal(at, math, right) => {
                let right = self.eval(right)?;
                let local = known(self.locals.get_mut(*at))?;
                *local = match math {
                    Some(math) => known(math.assign(local, &right))?,
                    None => right,
                };
                Ok(Value::Unit)
            }
            Node::SetThis(name, math, right) => {
                let right = self.eval(right)?;
                known(self.variables.set(name, *math, right))?;
                Ok(Value::Unit)
            }
            Node::SetEntry(name, math, both) => {
                let [key, right] = &**both;
                let right = self.eval(right)?;
                let key = self.eval(key)?;
                known(self.variables.set_entry(name, &key, *math, right))?;
                Ok(Value::Unit)
            }
            Node::Return(value) => Err(Stop::Return(self.eval(value)?)),
        }
    }

    /// A value that need not be copied when it stands in the text.
    fn with<T>(&mut self, node: &Node, apply: impl FnOnce(&Value) -> Option<T>) -> Result<T, Stop> {
        known(match node {
            Node::Const(value) => apply(value),
            _ => apply(&self.eval(node)?),
        })
    }

    /// What has to be true or false.
    fn holds(&mut self, node: &Node) -> Result<bool, Stop> {
        match node {
            Node::Compare(compare, sides) => {
                let [left, right] = &**sides;
                let left = self.eval(left)?;
                self.with(right, |right| compare.apply(&left, right))
            }
            Node::Not(one) => self.holds(one).map(|flag| !flag),
            Node::And(all) => {
                for node in all {
                    if !self.holds(node)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Node::Or(all) => {
                for node in all {
                    if self.holds(node)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => match self.eval(node)? {
                Value::Bool(flag) => Ok(flag),
                _ => Err(Stop::Bail),
            },
        }
    }

    /// A field of the event.
    fn field(&mut self, handle: &Node) -> Outcome {
        let handle = match handle {
            // The usual form: the handle is not copied.
            Node::This(name) => self.variables.get(name).and_then(|value| value.read_lock::<Handle>().map(|it| *it)),
            other => match self.eval(other)? {
                Value::Other(value) => value.read_lock::<Handle>().map(|handle| *handle),
                _ => None,
            },
        };
        let handle = known(handle)?;
        allowed(known(self.event.with(handle, Value::of))?)
    }

    fn all(&mut self, nodes: &[Node]) -> Result<Vec<Value>, Stop> {
        nodes.iter().map(|node| self.eval(node)).collect()
    }

    fn map(&mut self, parts: &[(Name, Node)]) -> Outcome {
        let mut map = Map::new();
        for (name, node) in parts {
            map.insert((**name).into(), self.eval(node)?.into_dynamic());
        }
        allowed(Value::Other(Dynamic::from_map(map)))
    }

    fn native(&mut self, native: Native, arguments: &[Node]) -> Outcome {
        let mut values = [const { Value::Unit }; MAX_ARGUMENTS];
        for (value, node) in values.iter_mut().zip(arguments) {
            *value = self.eval(node)?;
        }
        let value = native(self.declared, known(values.get(..arguments.len()))?);
        allowed(known(value)?)
    }

    fn effect(&mut self, action: Action, arguments: &[Node]) -> Outcome {
        let arguments = self.all(arguments)?;
        self.effects.push(known(action.effect(self.declared, arguments))?);
        Ok(Value::Unit)
    }

    fn text(&mut self, parts: &[Node]) -> Outcome {
        let mut text = String::new();
        for part in parts {
            self.with(part, |value| append(value, &mut text))?;
        }
        Ok(Value::Text(ImmutableString::from(text)))
    }

    fn call(&mut self, method: Method, arguments: &[Node]) -> Outcome {
        let (receiver, argument) = known(arguments.split_first())?;
        let argument = argument.first().map(|node| self.eval(node)).transpose()?;
        if let Node::This(name) = receiver {
            // A map is not copied.
            let value = known(self.variables.get(name).filter(|value| !value.is_read_only()))?;
            let found = value.read_lock::<Map>().map(|map| of_map(method, &map, argument.as_ref()));
            if let Some(value) = found {
                return known(value.filter(|_| self.variables.are_allowed()));
            }
        }
        let receiver = self.eval(receiver)?;
        known(match &receiver {
            Value::Text(text) => of_text(method, text, argument.as_ref()),
            Value::Other(value) => of_data(method, value, argument.as_ref()),
            _ => None,
        })
    }
}

/// A function of a map. A function in it with that name would be called instead.
fn of_map(method: Method, map: &Map, argument: Option<&Value>) -> Option<Value> {
    if map.get(method.name()).is_some_and(Dynamic::is_fnptr) {
        return None;
    }
    match (method, argument) {
        (Method::Len, None) => i64::try_from(map.len()).ok().map(Value::Int),
        (Method::IsEmpty, None) => Some(Value::Bool(map.is_empty())),
        (Method::Contains, Some(Value::Text(key))) => Some(Value::Bool(map.contains_key(key.as_str()))),
        _ => None,
    }
}

/// A function of data.
fn of_data(method: Method, value: &Dynamic, argument: Option<&Value>) -> Option<Value> {
    match (method, argument) {
        (Method::Len, None) => i64::try_from(value.read_lock::<Data>()?.0.len()).ok().map(Value::Int),
        _ => None,
    }
}

/// A function of a text.
fn of_text(method: Method, text: &ImmutableString, argument: Option<&Value>) -> Option<Value> {
    if text.len() > MAX_STRING {
        return None;
    }
    Some(match (method, argument) {
        (Method::Len, None) => Value::Int(i64::try_from(text.chars().count()).ok()?),
        (Method::IsEmpty, None) => Value::Bool(text.is_empty()),
        (Method::Contains, Some(Value::Text(part))) => Value::Bool(text.contains(part.as_str())),
        (Method::StartsWith, Some(Value::Text(part))) => Value::Bool(text.starts_with(part.as_str())),
        (Method::EndsWith, Some(Value::Text(part))) => Value::Bool(text.ends_with(part.as_str())),
        _ => return None,
    })
}
