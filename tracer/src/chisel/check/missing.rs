//! Values that an event may not have, and that a script computes with as if each had them: such an event is left out of the
//! script, which may be meant.

use std::{any::TypeId, collections::BTreeSet};

use rhai::{ASTNode, Dynamic, Expr, FnCallExpr, Position, Stmt, Token};

use super::{Function, types::Types};
use crate::{
    chisel::{Chisel, ChiselError, value::Handle},
    event::Event,
    fields::{Context, FieldRef, Times},
    state::{ContainerKey, State},
};

/// Whether all events that reach a chisel have a value: one of which nothing is known has it, or would not pass the filter.
fn is_always_there(loaded: &Chisel, field: &FieldRef) -> bool {
    let state = State::default();
    let event = Event::empty(&tracer_common::events::meta::GENERIC);
    let context = Context {
        event: &event,
        thread: None,
        fd: None,
        fd_out: None,
        container: ContainerKey::HOST,
        state: &state,
        times: Times::default(),
    };
    !field.get(&context).is_missing() || loaded.asks_for(field, &context)
}

impl Types<'_> {
    /// Says where that is done without a look.
    pub(super) fn missing(&self, loaded: &Chisel, wrong: &mut Vec<ChiselError>) {
        let of_rows = |function: &&Function| ["on_event", "on_row"].contains(&function.name.as_str());
        for function in self.script.own.iter().filter(of_rows) {
            let mut uses = Vec::new();
            let mut looked = BTreeSet::new();
            function.body.walk(&mut |path| {
                match path.last() {
                    Some(ASTNode::Expr(Expr::FnCall(call, position)) | ASTNode::Stmt(Stmt::FnCall(call, position))) => {
                        self.of_call(function, call, *position, &mut uses, &mut looked);
                    }
                    Some(ASTNode::Expr(Expr::Coalesce(all, _))) => {
                        looked.extend(all.iter().filter_map(|it| self.may_miss(function, it)).map(|(at, _)| at.0));
                    }
                    Some(ASTNode::Expr(Expr::Dot(both, ..))) => {
                        // `evt.get(…).len()`, and `x.len()`
                        let chain = match &both.rhs {
                            Expr::Dot(inner, ..) => Some((&both.lhs, inner)),
                            _ => None,
                        };
                        let of_get = chain.and_then(|(left, inner)| {
                            let get = rhai::BinaryExpr { lhs: left.clone(), rhs: inner.lhs.clone() };
                            self.asked(function, &Expr::Dot(Box::new(get), rhai::ASTFlags::empty(), Position::NONE))
                        });
                        let is_method = |expr: &Expr| match expr {
                            Expr::MethodCall(call, position) => (call.name != "type_of").then_some(*position),
                            Expr::Dot(both, ..) => match &both.lhs {
                                Expr::MethodCall(call, position) => (call.name != "type_of").then_some(*position),
                                _ => None,
                            },
                            _ => None,
                        };
                        match of_get {
                            Some(field) => {
                                let at = chain.and_then(|(_, inner)| is_method(&inner.rhs));
                                uses.extend(at.map(|at| (field, at)));
                            }
                            None => {
                                let at = is_method(&both.rhs);
                                uses.extend(self.may_miss(function, &both.lhs).zip(at));
                            }
                        }
                    }
                    Some(ASTNode::Stmt(Stmt::Assignment(both))) => {
                        let computes = both.0.get_op_assignment_info().is_some_and(|(.., token, _)| {
                            matches!(
                                token,
                                Token::Plus | Token::Minus | Token::Multiply | Token::Divide | Token::Modulo
                            )
                        });
                        if computes && let Some((at, field)) = self.may_miss(function, &both.1.rhs) {
                            // A text takes everything.
                            if field.kind.is_number() {
                                uses.push(((at, field), both.1.rhs.position()));
                            }
                        }
                    }
                    _ => {}
                }
                true
            });
            let mut said = BTreeSet::new();
            for ((handle, field), position) in uses {
                let surely = loaded.has_default(handle) || is_always_there(loaded, &field);
                if surely || looked.contains(&handle.0) || !said.insert(handle.0) {
                    continue;
                }
                let name = field.name();
                let mut error =
                    self.script.wrong(position, format!("an event may not have '{name}', and is then left out"));
                let other = if field.kind.is_number() { "0" } else { "\"\"" };
                error.hint =
                    Some(format!("field(\"{name}\", {other}) gives it a default; or compare it with () first"));
                error.is_warning = true;
                wrong.push(error);
            }
        }
    }

    /// The field whose value an expression is, as it comes from the event.
    fn may_miss(&self, function: &Function, expr: &Expr) -> Option<(Handle, FieldRef)> {
        match expr {
            Expr::Variable(variable, ..) => self.asked(function, &self.definition(function, &variable.1)?),
            other => self.asked(function, other),
        }
    }

    /// What a call or an operator says of its operands: that they are looked at, or that they have to be there.
    fn of_call(
        &self,
        function: &Function,
        call: &FnCallExpr,
        position: Position,
        uses: &mut Vec<((Handle, FieldRef), Position)>,
        looked: &mut BTreeSet<usize>,
    ) {
        let operands = || call.args.iter().map(|expr| self.may_miss(function, expr));
        match &call.op_token {
            Some(
                Token::EqualsTo
                | Token::NotEqualsTo
                | Token::LessThan
                | Token::LessThanEqualsTo
                | Token::GreaterThan
                | Token::GreaterThanEqualsTo,
            ) => looked.extend(operands().flatten().map(|(at, _)| at.0)),
            Some(Token::Minus | Token::Multiply | Token::Divide | Token::Modulo | Token::UnaryMinus) => {
                uses.extend(operands().flatten().map(|it| (it, position)));
            }
            // A text takes everything, and what is not known may be one.
            Some(Token::Plus) => {
                let is_number = |expr: &Expr| {
                    matches!(expr, Expr::IntegerConstant(..) | Expr::FloatConstant(..))
                        || self.may_miss(function, expr).is_some_and(|(_, field)| field.kind.is_number())
                };
                let is_text = |expr: &Expr| matches!(expr, Expr::StringConstant(..) | Expr::InterpolatedString(..));
                if call.args.iter().any(is_number) && !call.args.iter().any(is_text) {
                    uses.extend(operands().flatten().map(|it| (it, position)));
                }
            }
            Some(_) => {}
            None if call.name == "type_of" => looked.extend(operands().flatten().map(|(at, _)| at.0)),
            None => {
                let own = self.script.own.iter().any(|it| it.name == call.name.as_str());
                let natives = || {
                    self.script
                        .natives
                        .iter()
                        .filter(|(name, types)| *name == call.name.as_str() && types.len() == call.args.len())
                };
                let any = [TypeId::of::<()>(), TypeId::of::<Dynamic>()];
                if own || natives().next().is_none() {
                    return;
                }
                for (at, operand) in operands().enumerate() {
                    if !natives().any(|(_, types)| any.contains(&types[at])) {
                        uses.extend(operand.map(|it| (it, position)));
                    }
                }
            }
        }
    }
}
