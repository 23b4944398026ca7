//! What functions do with `this`: variables of the script that they read, and functions that have none.

use std::collections::BTreeSet;

use rhai::{AST, ASTNode, Expr, Position, Stmt};

use super::{Function, Script};
use crate::{chisel::ChiselError, fields::nearest};

/// Where a property of `this` is read or set.
pub(super) struct OfThis {
    /// The function.
    function: String,
    pub(super) name: String,
    position: Position,
    /// Set as a whole: then it need not be there before.
    is_set: bool,
}

impl OfThis {
    /// Whether it is another value from here on.
    pub(super) fn sets(&self) -> bool {
        self.is_set
    }
}

impl Script<'_> {
    /// Properties of `this` that are read before they are there.
    pub(super) fn properties(&self, wrong: &mut Vec<ChiselError>) {
        let variables = self.variables();
        let all = self.of_this();
        let mut said = BTreeSet::new();
        for it in &all {
            if it.is_set || variables.contains_key(&it.name) || said.contains(&it.name) {
                continue;
            }
            let sets = || all.iter().filter(|other| other.is_set && other.name == it.name);
            if sets().any(|other| {
                other.function == "on_init" || other.function == it.function && is_before(other.position, it.position)
            }) {
                continue;
            }
            said.insert(it.name.clone());
            let name = &it.name;
            let mut error = match sets().next() {
                None => self.wrong(it.position, format!("the script has no variable '{name}'")),
                Some(other) => {
                    let cause = format!("variable '{name}' is set only in '{}', and may not exist yet", other.function);
                    self.wrong(it.position, cause)
                }
            };
            let names = variables.keys().map(String::as_str);
            let meant = nearest(name, names).map(|name| format!("did you mean 'this.{name}'?"));
            error.hint = meant.or_else(|| Some(format!("declare it at the top: let {name} = 0;")));
            wrong.push(error);
        }
    }

    /// Properties of `this` in all functions, in their order.
    pub(super) fn of_this(&self) -> Vec<OfThis> {
        let mut found = Vec::new();
        for function in &self.own {
            function.body.walk(&mut |path| {
                let Some(ASTNode::Expr(expr)) = path.last() else { return true };
                let Some((name, position, is_whole)) = property_of_this(expr) else { return true };
                // `this.x = …`; `this.x += …` and `this.x[0] = …` change what is there.
                let is_set = is_whole
                    && path.iter().rev().nth(1).is_some_and(|outer| match outer {
                        ASTNode::Stmt(Stmt::Assignment(both)) => {
                            !both.0.is_op_assignment() && std::ptr::eq(&raw const both.1.lhs, *expr)
                        }
                        _ => false,
                    });
                found.push(OfThis { function: function.name.clone(), name, position, is_set });
                true
            });
        }
        found.sort_by_key(|it| (it.position.line(), it.position.position()));
        found
    }

    /// Calls of functions that use `this` by others than `this.NAME(…)`: they would have none.
    pub(super) fn without_this(&self, wrong: &mut Vec<ChiselError>) {
        let users = self.users_of_this();
        self.ast.walk(&mut |path| {
            let (call, position) = match path.last() {
                Some(ASTNode::Expr(Expr::FnCall(call, position)) | ASTNode::Stmt(Stmt::FnCall(call, position))) => {
                    (call, *position)
                }
                _ => return true,
            };
            let name = call.name.as_str();
            let is_own = |function: &&Function| function.name == name && function.params.len() == call.args.len();
            if call.op_token.is_none() && users.contains(name) && self.own.iter().any(|function| is_own(&function)) {
                let mut error = self.wrong(
                    position,
                    format!(
                        "function '{name}' uses this, which does not exist if it is called \
                        this way"
                    ),
                );
                error.hint = Some(format!("this.{name}(…)"));
                wrong.push(error);
            }
            true
        });
    }

    /// Functions of the script that use `this`. One that calls another of them without it is wrong by that call.
    fn users_of_this(&self) -> BTreeSet<&str> {
        let uses = |body: &AST| {
            let mut found = false;
            body.walk(&mut |path| {
                found |= matches!(path.last(), Some(ASTNode::Expr(Expr::ThisPtr(_))));
                !found
            });
            found
        };
        self.own.iter().filter(|function| uses(&function.body)).map(|function| function.name.as_str()).collect()
    }
}

fn is_before(one: Position, other: Position) -> bool {
    (one.line(), one.position()) < (other.line(), other.position())
}

/// The property of `this` that an expression is about, and whether it is nothing but that.
pub(super) fn property_of_this(expr: &Expr) -> Option<(String, Position, bool)> {
    match expr {
        Expr::Dot(both, ..) if matches!(both.lhs, Expr::ThisPtr(_)) => match &both.rhs {
            Expr::Property(names, position) => Some((names.2.to_string(), *position, true)),
            Expr::Dot(inner, ..) | Expr::Index(inner, ..) => match &inner.lhs {
                Expr::Property(names, position) => Some((names.2.to_string(), *position, false)),
                _ => None,
            },
            _ => None,
        },
        Expr::Index(both, ..) if matches!(both.lhs, Expr::ThisPtr(_)) => match &both.rhs {
            Expr::StringConstant(name, position) => Some((name.to_string(), *position, true)),
            _ => None,
        },
        _ => None,
    }
}
