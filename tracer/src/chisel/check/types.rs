//! Types of what methods are called on, as far as they are certain: methods that a value does not have are found without an
//! event.

use std::{any::TypeId, collections::BTreeSet};

use rhai::{ASTNode, Array, Dynamic, Expr, FnCallExpr, ImmutableString, Position, Stmt};

use super::{Function, Script, this::property_of_this};
use crate::{
    chisel::{
        Chisel, ChiselError,
        value::{Data, ExcerptHandle, FolderHandle, Handle, ScriptEvent, Tally},
    },
    fields::{FieldRef, Type, nearest},
};

/// How deep variables lead to each other.
const MAX_DEPTH: usize = 16;

/// A type that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    id: TypeId,
    /// Its name, as people know it.
    name: &'static str,
}

fn known<T: 'static>(name: &'static str) -> Known {
    Known { id: TypeId::of::<T>(), name }
}

/// A value that an event may have or not.
pub(super) fn of_field(field: &FieldRef) -> Option<Known> {
    Some(match field.kind {
        _ if field.field.list => known::<Array>("an array"),
        Type::Bytes => known::<Data>("data"),
        Type::Text => known::<ImmutableString>("a text"),
        Type::Int | Type::Time => known::<i64>("a number"),
        Type::Float => known::<f64>("a number"),
        Type::Bool => known::<bool>("true or false"),
        _ => return None,
    })
}

/// The types of a script.
pub(super) struct Types<'s> {
    pub(super) script: &'s Script<'s>,
    loaded: &'s Chisel,
    /// Variables of the script that functions set to something else.
    changed: BTreeSet<String>,
}

impl<'s> Types<'s> {
    pub(super) fn new(script: &'s Script<'s>, loaded: &'s Chisel) -> Self {
        let changed = script.of_this().into_iter().filter(|it| it.sets()).map(|it| it.name).collect();
        Self { script, loaded, changed }
    }

    /// A field, if an expression is a variable of the script that is always that one.
    pub(super) fn field(&self, expr: &Expr) -> Option<(Handle, FieldRef)> {
        let (name, _, true) = property_of_this(expr)? else { return None };
        let handle = self.loaded.variable(&name).filter(|_| !self.changed.contains(&name))?.try_cast::<Handle>()?;
        Some((handle, self.loaded.field(handle)?))
    }

    /// What `evt.get(…)` asks for, if an expression is that and nothing more.
    pub(super) fn asked(&self, function: &Function, expr: &Expr) -> Option<(Handle, FieldRef)> {
        let Expr::Dot(both, ..) = expr else { return None };
        let Expr::MethodCall(call, _) = &both.rhs else { return None };
        let ([handle], true) = (&*call.args, call.name == "get") else { return None };
        let is_event = self.of(function, &both.lhs, 0) == Some(known::<ScriptEvent>("the event"));
        self.field(handle).filter(|_| is_event)
    }

    /// The type of an expression. What may be of several types is not known.
    fn of(&self, function: &Function, expr: &Expr, depth: usize) -> Option<Known> {
        if depth > MAX_DEPTH {
            return None;
        }
        match expr {
            Expr::StringConstant(..) | Expr::InterpolatedString(..) => Some(known::<ImmutableString>("a text")),
            Expr::Array(..) => Some(known::<Array>("an array")),
            Expr::Variable(variable, ..) => {
                let is_event = ["on_event", "on_row"].contains(&function.name.as_str())
                    && function.params.first().is_some_and(|name| *name == variable.1);
                match self.definition(function, &variable.1) {
                    None if is_event => Some(known::<ScriptEvent>("the event")),
                    definition => self.of(function, &definition?, depth + 1),
                }
            }
            _ => match self.asked(function, expr) {
                Some((_, field)) => of_field(&field),
                None => self.of_variable(expr),
            },
        }
    }

    /// The type of a variable of the script.
    fn of_variable(&self, expr: &Expr) -> Option<Known> {
        let (name, _, true) = property_of_this(expr)? else { return None };
        let value = self.loaded.variable(&name).filter(|_| !self.changed.contains(&name))?;
        let all = [
            known::<Handle>("a field"),
            known::<Tally>("a tally"),
            known::<FolderHandle>("a folder"),
            known::<ExcerptHandle>("an excerpt"),
            known::<Array>("an array"),
            known::<ImmutableString>("a text"),
        ];
        all.into_iter().find(|it| it.id == Dynamic::type_id(&value))
    }

    /// What a variable of a function is, if that is said once and never changed.
    pub(super) fn definition(&self, function: &Function, name: &str) -> Option<Expr> {
        let (mut found, mut count) = (None, 0);
        function.body.walk(&mut |path| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Var(var, ..))) if var.0.name == name => {
                    found = Some(var.1.clone());
                    count += 1;
                }
                Some(ASTNode::Stmt(Stmt::For(it, _))) if it.0.name == name => count += 2,
                Some(ASTNode::Stmt(Stmt::Assignment(both))) => {
                    let is_it = matches!(&both.1.lhs, Expr::Variable(variable, ..) if variable.1 == name);
                    count += if is_it { 2 } else { 0 };
                }
                _ => {}
            }
            true
        });
        found.filter(|_| count == 1)
    }

    /// Methods and properties that a value does not have.
    pub(super) fn methods(&self, wrong: &mut Vec<ChiselError>) {
        for function in &self.script.own {
            function.body.walk(&mut |path| {
                if let Some(ASTNode::Expr(Expr::Dot(both, ..))) = path.last()
                    && let Some(receiver) = self.receiver(function, &both.lhs, &both.rhs)
                {
                    let (of, link) = receiver;
                    wrong.extend(self.link(of, link));
                }
                true
            });
        }
    }

    /// The first link of a chain whose type before it is known: of `this.x.y` what `this.x` is, else what stands before.
    fn receiver<'e>(&self, function: &Function, left: &Expr, right: &'e Expr) -> Option<(Known, &'e Expr)> {
        let first = |chain: &'e Expr| match chain {
            Expr::Dot(both, ..) => &both.lhs,
            other => other,
        };
        if let (Expr::ThisPtr(_), Expr::Dot(inner, ..)) = (left, right) {
            let Expr::Property(names, position) = &inner.lhs else { return None };
            let own = Expr::Property(names.clone(), *position);
            let whole = rhai::BinaryExpr { lhs: left.clone(), rhs: own };
            let of = self.of_variable(&Expr::Dot(Box::new(whole), rhai::ASTFlags::empty(), Position::NONE))?;
            return Some((of, first(&inner.rhs)));
        }
        let of = self.of(function, left, 0)?;
        let event = known::<ScriptEvent>("the event");
        // What a field has, behind `evt.get(…)`.
        if let (true, Expr::Dot(inner, ..)) = (of == event, right)
            && let Expr::MethodCall(call, _) = &inner.lhs
            && let ("get", [handle]) = (call.name.as_str(), &*call.args)
        {
            return Some((of_field(&self.field(handle)?.1)?, first(&inner.rhs)));
        }
        Some((of, first(right)))
    }

    /// What is wrong with a method or a property of a type.
    fn link(&self, of: Known, link: &Expr) -> Option<ChiselError> {
        match link {
            Expr::MethodCall(call, position) => self.method(of, call, *position),
            // Texts and arrays have some.
            Expr::Property(names, position) if self.getter(of, &names.0.0).is_none() => {
                let name = &names.2;
                let mut error = self.script.wrong(*position, format!("{} has no property '{name}'", of.name));
                let has = self
                    .script
                    .natives
                    .iter()
                    .any(|(known, types)| known == name.as_str() && types.first() == Some(&of.id));
                error.hint = if has {
                    Some(format!("it is a function: {name}()"))
                } else if of == known::<ScriptEvent>("the event") {
                    Some("at the top: let it = field(\"…\"); here: evt.get(this.it)".to_owned())
                } else {
                    None
                };
                Some(error)
            }
            _ => None,
        }
    }

    fn getter(&self, of: Known, name: &str) -> Option<()> {
        let found = self.script.natives.iter().any(|(known, types)| known == name && types.first() == Some(&of.id));
        found.then_some(())
    }

    fn method(&self, of: Known, call: &FnCallExpr, position: Position) -> Option<ChiselError> {
        let name = call.name.as_str();
        let script = self.script;
        let any = [of.id, TypeId::of::<Dynamic>()];
        let takes = |types: &[TypeId]| types.first().is_some_and(|first| any.contains(first));
        let of_language = ["type_of", "is_shared", "to_string", "to_debug", "print", "debug"].contains(&name);
        let own = script.own.iter().any(|it| it.name == name && it.params.len() == call.args.len());
        let found = script
            .natives
            .iter()
            .any(|(known, types)| known == name && types.len() == call.args.len() + 1 && takes(types));
        if of_language || own || found {
            return None;
        }
        let mut error = script.wrong(position, format!("{} has no method '{name}'", of.name));
        let others: BTreeSet<&str> = script
            .natives
            .iter()
            .filter(|(known, types)| {
                types.first() == Some(&of.id) && known.starts_with(|first: char| first.is_alphabetic())
            })
            .map(|(known, _)| known.as_str())
            .collect();
        if others.contains(name) {
            let usage = crate::chisel::functions::all().find(|function| function.name() == name);
            error.cause = format!("method '{name}' of {} does not take {} arguments", of.name, call.args.len());
            error.hint = usage.map(|function| format!("usage: {}", function.usage));
        } else {
            let names = || others.iter().copied();
            let all = || (others.len() <= 8).then(|| format!("it has {}", names().collect::<Vec<_>>().join(", ")));
            error.hint = nearest(name, names()).map(|name| format!("did you mean '{name}'?")).or_else(all);
        }
        Some(error)
    }
}
