//! What has a value in an event: a field, or a transformer of fields. Names and types are checked here, once.

use super::{
    ast,
    error::FilterError,
    operator::Class,
    parse,
    transform::{Makes, Takes, Transformer},
};
use crate::fields::{
    Arg as FieldArg, ArgRule, Context, Digits, EventType, FieldRef, Key, Needs, Show, Type, Unit, Value,
};

/// Longer names are no fields. The argument is part of it.
const MAX_FIELD_LEN: usize = 512;
/// More ancestors than this are not asked.
const MAX_ANCESTORS: usize = 64;
/// More arguments of a command line than this are not asked.
const MAX_PARTS: usize = 256;

/// Something that has a value in an event.
#[derive(Debug, Clone)]
pub enum Operand {
    /// A field.
    Field(FieldRef),
    /// A transformer.
    Call(Box<Call>),
}

/// A transformer and what it works on.
#[derive(Debug, Clone)]
pub struct Call {
    transformer: Transformer,
    args: Box<[Arg]>,
    part: Option<u8>,
    kind: Type,
    list: bool,
}

#[derive(Debug, Clone)]
enum Arg {
    Operand(Operand),
    /// The parts of a field that has them by number.
    Parts(FieldRef),
    Text(Box<[u8]>),
}

/// On which side of an operator it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Before it.
    Left,
    /// Behind it.
    Right,
}

impl Operand {
    /// Resolves what was written.
    ///
    /// # Errors
    /// A field is not known, or a transformer does not work on what it is given.
    pub fn resolve(filter: &str, written: &ast::Operand, side: Side, show: Show) -> Result<Self, FilterError> {
        match written {
            ast::Operand::Field { name, at } => {
                let error = |message: String| FilterError::new(filter, at.0.clone(), message);
                if name.len() > MAX_FIELD_LEN {
                    return Err(error(format!("field names have at most {MAX_FIELD_LEN} bytes")));
                }
                let field = FieldRef::resolve(name, show);
                field.map(Self::Field).map_err(|wrong| error(wrong.to_string()).hint(wrong.hint()))
            }
            ast::Operand::Call(call) => Self::resolve_call(filter, call, side, show),
        }
    }

    /// Resolves a transformer.
    ///
    /// # Errors
    /// As [`Operand::resolve`].
    pub fn resolve_call(filter: &str, call: &ast::Call, side: Side, show: Show) -> Result<Self, FilterError> {
        let row = call.transformer.row();
        let error = |message: String| FilterError::new(filter, call.at.0.clone(), message);
        if call.transformer == Transformer::Val && side == Side::Left {
            let hint = Some("on the left, write the field itself");
            return Err(error("'val' is only allowed on the right of an operator".to_owned()).hint(hint));
        }
        let mut args = Vec::new();
        flatten(filter, &call.args, side, show, &mut args)?;
        if row.takes == Takes::ListAndOptions {
            args.iter_mut().for_each(by_parts);
        }
        check_args(row.takes, &call.args, &args).map_err(|takes| error(format!("'{}' takes {takes}", row.name)))?;
        let part = match (row.makes, call.part.as_deref(), args.last()) {
            (_, None, _) => None,
            (Makes::Texts, Some(letter), Some(Arg::Text(options))) => match *letter.as_bytes() {
                [letter] if letter != b':' && options.contains(&letter) => Some(letter),
                _ => return Err(error(format!("'{letter}' is not one of the options"))),
            },
            // Nothing else is read there.
            (_, Some(_), _) => None,
        };
        let (kind, list) = match (row.makes, args.first()) {
            (Makes::One(kind), _) => (kind, false),
            (Makes::Texts, _) => (Type::Text, part.is_none()),
            (Makes::Same, Some(Arg::Operand(operand))) => (operand.kind(), operand.is_list()),
            (Makes::Same, _) => (Type::Text, false),
        };
        Ok(Self::Call(Box::new(Call { transformer: call.transformer, args: args.into(), part, kind, list })))
    }

    /// Resolves the transformer that a text begins with, and says how long that is; `None` when it begins with something
    /// else.
    ///
    /// # Errors
    /// As [`Operand::resolve`], or its brackets are wrong.
    pub fn at_start(text: &str, show: Show) -> Result<Option<(Self, usize)>, FilterError> {
        let Some((call, len)) = parse::call_at_start(text)? else { return Ok(None) };
        Self::resolve_call(text, &call, Side::Left, show).map(|operand| Some((operand, len)))
    }

    /// The value in an event.
    #[must_use]
    pub fn get<'a>(&'a self, context: &Context<'a>) -> Value<'a> {
        match self {
            Self::Field(field) if is_any_ancestor(field) => Value::List(ancestors(field, context).collect()),
            Self::Field(field) => field.get(context),
            Self::Call(call) => {
                let mut args = call.args.iter().map(|arg| match arg {
                    Arg::Operand(operand) => operand.get(context),
                    Arg::Parts(field) => Value::List(parts(field, context).collect()),
                    Arg::Text(text) => Value::text(text),
                });
                call.transformer.apply(&mut args, call.part)
            }
        }
    }

    /// The value that all events of a type have; `None` when it depends on the event.
    #[must_use]
    pub fn by_type(&self, event: &EventType<'_>) -> Option<Value<'static>> {
        match self {
            Self::Field(field) => field.by_type(event),
            // Without its value there is nothing to transform.
            Self::Call(call) => match call.args.first()? {
                Arg::Operand(operand) => operand.by_type(event).filter(Value::is_missing),
                Arg::Parts(_) | Arg::Text(_) => None,
            },
        }
    }

    /// Its type; of a list, that of its values.
    #[must_use]
    pub fn kind(&self) -> Type {
        match self {
            Self::Field(field) => field.kind,
            Self::Call(call) => call.kind,
        }
    }

    /// Whether it has several values.
    #[must_use]
    pub fn is_list(&self) -> bool {
        match self {
            Self::Field(field) => field.field.list || is_any_ancestor(field),
            Self::Call(call) => call.list,
        }
    }

    /// Which operators it has. A field of all ancestors has those of a single one.
    #[must_use]
    pub fn class(&self) -> Class {
        Class::of(self.kind(), self.is_list() && self.any_ancestor().is_none())
    }

    /// The field, if it is one of all ancestors: a test of it holds when it holds for one of them.
    #[must_use]
    pub fn any_ancestor(&self) -> Option<&FieldRef> {
        match self {
            Self::Field(field) => Some(field).filter(|field| is_any_ancestor(field)),
            Self::Call(_) => None,
        }
    }

    /// The unit of its numbers.
    #[must_use]
    pub fn unit(&self) -> Unit {
        match self {
            Self::Field(field) => field.unit(),
            Self::Call(call) => match (call.transformer, call.args.first()) {
                (Transformer::Val, Some(Arg::Operand(operand))) => operand.unit(),
                (Transformer::Len, Some(Arg::Operand(operand))) if !operand.is_list() => Unit::Bytes,
                _ => Unit::None,
            },
        }
    }

    /// How a whole number is written.
    #[must_use]
    pub fn digits(&self) -> Digits {
        match self {
            Self::Field(field) => field.field.digits,
            Self::Call(_) => Digits::Decimal,
        }
    }

    /// The fields in it.
    #[must_use]
    pub fn fields(&self) -> Vec<&FieldRef> {
        match self {
            Self::Field(field) => vec![field],
            Self::Call(call) => {
                let operands = call.args.iter().filter_map(|arg| match arg {
                    Arg::Operand(operand) => Some(operand.fields()),
                    Arg::Parts(field) => Some(vec![field]),
                    Arg::Text(_) => None,
                });
                operands.flatten().collect()
            }
        }
    }

    /// Whether it is the same for all events of a thread.
    #[must_use]
    pub fn is_about_threads(&self) -> bool {
        const CLASSES: [&str; 6] = ["proc", "thread", "user", "group", "container", "k8s"];
        self.fields().into_iter().all(|field| CLASSES.contains(&field.field.class()))
    }

    /// What has to be collected for it.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.fields().into_iter().map(FieldRef::needs).collect()
    }

    /// How much work it is, in the unit of [`crate::fields::Field::cost`].
    #[must_use]
    pub fn cost(&self) -> u32 {
        let fields = self.fields().into_iter().map(|field| u32::from(field.field.cost)).fold(0, u32::saturating_add);
        fields.saturating_add(if matches!(self, Self::Call(_)) { 4 } else { 0 })
    }
}

fn is_any_ancestor(field: &FieldRef) -> bool {
    field.field.arg == ArgRule::Ancestor && field.arg.key == Key::None
}

/// The values of a field in the ancestors, from the parent on.
pub fn ancestors<'a>(field: &FieldRef, context: &Context<'a>) -> impl Iterator<Item = Value<'a>> {
    let get = field.field.get;
    (1..=MAX_ANCESTORS).map(move |n| get(context, &FieldArg::index(n))).take_while(|value| !value.is_missing())
}

/// Of a field that has parts by number, such as `proc.args`, the parts.
fn by_parts(arg: &mut Arg) {
    if let Arg::Operand(Operand::Field(field)) = arg
        && field.field.arg == ArgRule::IndexAllowed
        && field.arg.key == Key::None
        && !field.field.list
    {
        *arg = Arg::Parts(field.clone());
    }
}

fn parts<'a>(field: &FieldRef, context: &Context<'a>) -> impl Iterator<Item = Value<'a>> {
    let get = field.field.get;
    (0..MAX_PARTS).map(move |n| get(context, &FieldArg::index(n))).take_while(|value| !value.is_missing())
}

/// Resolves arguments; what stands in lists stands in line with the others.
fn flatten(
    filter: &str,
    written: &[ast::Argument],
    side: Side,
    show: Show,
    out: &mut Vec<Arg>,
) -> Result<(), FilterError> {
    for arg in written {
        match arg {
            ast::Argument::Operand(operand) => {
                out.push(Arg::Operand(Operand::resolve(filter, operand, side, show)?));
            }
            ast::Argument::Text(text) => out.push(Arg::Text(text.text.clone().into())),
            ast::Argument::List(all, _) => flatten(filter, all, side, show, out)?,
        }
    }
    Ok(())
}

/// What it takes, if that is not what it was given.
fn check_args(takes: Takes, written: &[ast::Argument], args: &[Arg]) -> Result<(), &'static str> {
    let is_text = |arg: &Arg| match arg {
        Arg::Operand(operand) => matches!(operand.kind(), Type::Text | Type::Bytes),
        Arg::Parts(field) => field.kind == Type::Text,
        Arg::Text(_) => true,
    };
    let is_list = |arg: &Arg| match arg {
        Arg::Operand(operand) => operand.is_list(),
        Arg::Parts(_) => true,
        Arg::Text(_) => false,
    };
    let lists = written.iter().filter(|arg| matches!(arg, ast::Argument::List(..))).count();
    match (takes, args) {
        (Takes::One { text: false }, [Arg::Operand(_)]) if lists == 0 => Ok(()),
        (Takes::One { text: false }, _) => Err("one field"),
        (Takes::One { text: true }, [arg @ Arg::Operand(_)]) if lists == 0 && is_text(arg) => Ok(()),
        (Takes::One { text: true }, _) => Err("one field that is text or data"),
        (Takes::Countable, [arg @ Arg::Operand(_)]) if lists == 0 && (is_text(arg) || is_list(arg)) => Ok(()),
        (Takes::Countable, _) => Err("one field that is text, data or a list"),
        (Takes::SeparatorAndList, [separator, rest @ ..])
            if written.len() == 2
                && !rest.is_empty()
                && is_text(separator)
                && !is_list(separator)
                && rest.iter().all(is_text) =>
        {
            Ok(())
        }
        (Takes::SeparatorAndList, _) => Err("a separator and a list of text values, as in join(\",\", (proc.name, \
            fd.name))"),
        (Takes::Texts, [_, _, ..]) if lists == 0 && args.iter().all(|arg| is_text(arg) && !is_list(arg)) => Ok(()),
        (Takes::Texts, _) => Err("two or more text values"),
        (Takes::ListAndOptions, [list @ .., Arg::Text(_)])
            if written.len() == 2
                && matches!(written, [_, ast::Argument::Text(_)])
                && (lists == 1 || list.iter().all(is_list))
                && list.iter().all(is_text) =>
        {
            Ok(())
        }
        (Takes::ListAndOptions, _) => Err("a list of text values and quoted options, as in getopt(proc.args, \"ab:\")"),
    }
}
