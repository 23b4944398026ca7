//! The function as the language reads it becomes a tree of what is known here. What is not known makes what it stands in
//! unknown too, up to a branch that need not be taken.

use std::collections::HashSet;

use rhai::{AST, ASTFlags, ASTNode, BinaryExpr, Engine, Expr, FnCallExpr, OpAssignment, Stmt, StmtBlock, Token};

use super::{
    effects::Action,
    natives,
    node::{Method, Name, Node},
    ops::{Compare, Math},
    value::Value,
};

/// Longer functions are the interpreter's. It takes less than ten operations for a node, and if each copies or searches as much as
/// a value may have, that takes less than the time of a call.
const MAX_NODES: usize = 500;
/// Expressions and blocks in each other: what the parser lets through is less.
const MAX_DEPTH: usize = 128;
/// Methods one behind the other.
const MAX_CHAIN: usize = 8;
/// Variables that are visible at one place, well below what the language allows.
const MAX_LOCALS: usize = 128;

/// A function as a tree.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) body: Node,
    /// How many variables it has at once.
    pub(super) locals: usize,
}

impl Program {
    /// A function with one parameter, the event. `None`: there is none, or all ways through it are the interpreter's.
    pub(super) fn new(engine: &Engine, ast: &AST, name: &str) -> Option<Self> {
        // Operators of the types of the language are its own then, whatever a script defines.
        if !engine.fast_operators() {
            return None;
        }
        let functions: Vec<_> = ast.iter_functions().collect();
        let mut found = functions.iter().filter(|function| function.name == name);
        let (function, None) = (found.next()?, found.next()) else { return None };
        let (&[event], None) = (&*function.params, function.this_type) else { return None };
        let mut compiler = Compiler {
            own: functions.iter().map(|function| function.name).collect(),
            visible: vec![Local { name: event.to_owned(), at: None }],
            locals: 0,
            nodes: 0,
            depth: 0,
        };
        let body = compiler.statements(&body_of(ast, name));
        (!body.is_bail()).then_some(Self { body, locals: compiler.locals })
    }
}

/// The statements of a function.
fn body_of(ast: &AST, name: &str) -> Vec<Stmt> {
    let mut alone = ast.clone_functions_only();
    alone.retain_functions(|_, _, function, _| function == name);
    let mut statements = Vec::new();
    alone.walk(&mut |path| {
        if let [ASTNode::Stmt(statement)] = path {
            statements.push((*statement).clone());
        }
        true
    });
    statements
}

/// A variable that is visible.
struct Local {
    name: String,
    /// Where its value is; `None` for the event.
    at: Option<Place>,
}

#[derive(Clone, Copy)]
struct Place {
    at: usize,
    is_constant: bool,
}

struct Compiler<'a> {
    /// Functions of the script: they stand before those of the program with the same names.
    own: HashSet<&'a str>,
    visible: Vec<Local>,
    locals: usize,
    nodes: usize,
    depth: usize,
}

/// Two nodes that are run one behind the other.
fn both(left: Node, right: Node, make: impl FnOnce(Box<[Node; 2]>) -> Node) -> Node {
    if left.is_bail() || right.is_bail() { Node::Bail } else { make(Box::new([left, right])) }
}

fn one(inner: Node, make: impl FnOnce(Box<Node>) -> Node) -> Node {
    if inner.is_bail() { Node::Bail } else { make(Box::new(inner)) }
}

fn all(nodes: Vec<Node>, make: impl FnOnce(Vec<Node>) -> Node) -> Node {
    if nodes.iter().any(Node::is_bail) { Node::Bail } else { make(nodes) }
}

/// Nodes of which only the first is always run.
fn some(nodes: Vec<Node>, make: impl FnOnce(Vec<Node>) -> Node) -> Node {
    if nodes.first().is_none_or(Node::is_bail) { Node::Bail } else { make(nodes) }
}

impl Compiler<'_> {
    fn block(&mut self, block: &StmtBlock) -> Node {
        self.statements(block.statements())
    }

    /// Variables are gone behind it.
    fn statements(&mut self, statements: &[Stmt]) -> Node {
        let visible = self.visible.len();
        let mut nodes: Vec<Node> = Vec::with_capacity(statements.len());
        for statement in statements {
            let node = self.statement(statement);
            let is_bail = node.is_bail();
            nodes.push(node);
            if is_bail {
                break;
            }
        }
        self.visible.truncate(visible);
        // What surely ends in the interpreter need not begin here.
        if nodes.last().is_some_and(Node::is_bail) && !nodes.iter().any(Node::may_return) {
            return Node::Bail;
        }
        match nodes.len() {
            0 => Node::Const(Value::Unit),
            1 => nodes.remove(0),
            _ => Node::Block(nodes),
        }
    }

    fn statement(&mut self, statement: &Stmt) -> Node {
        self.bounded(|compiler| compiler.any_statement(statement))
    }

    fn any_statement(&mut self, statement: &Stmt) -> Node {
        match statement {
            Stmt::Noop(_) => Node::Const(Value::Unit),
            Stmt::Expr(expr) => self.expr(expr),
            Stmt::Block(block) => self.block(block),
            Stmt::FnCall(call, _) => self.call(call),
            Stmt::If(flow, _) => {
                let condition = self.expr(&flow.expr);
                let (then, otherwise) = (self.block(&flow.body), self.block(&flow.branch));
                if condition.is_bail() || then.is_bail() && otherwise.is_bail() {
                    return Node::Bail;
                }
                Node::If(Box::new([condition, then, otherwise]))
            }
            Stmt::Var(var, flags, _) => {
                let value = self.expr(&var.1);
                // Each has its own place as long as it is visible.
                let at = self.visible.len();
                if at > MAX_LOCALS {
                    return Node::Bail;
                }
                self.locals = self.locals.max(at + 1);
                let place = Place { at, is_constant: flags.intersects(ASTFlags::CONSTANT) };
                self.visible.push(Local { name: var.0.name.to_string(), at: Some(place) });
                one(value, |value| Node::SetLocal(at, None, value))
            }
            Stmt::Assignment(both) => self.assignment(&both.0, &both.1),
            Stmt::Return(value, flags, _) if !flags.intersects(ASTFlags::BREAK) => {
                let value = value.as_ref().map_or(Node::Const(Value::Unit), |value| self.expr(value));
                one(value, Node::Return)
            }
            // Loops, throwing, closures and what there may be some time.
            _ => Node::Bail,
        }
    }

    fn assignment(&mut self, op: &OpAssignment, sides: &BinaryExpr) -> Node {
        let math = match op.get_op_assignment_info() {
            None => None,
            Some((_, _, token, ..)) => match Math::of(token) {
                Some(math) => Some(math),
                None => return Node::Bail,
            },
        };
        let right = self.expr(&sides.rhs);
        match &sides.lhs {
            Expr::Variable(variable, ..) => match self.place(&variable.1) {
                Some(Place { at, is_constant: false }) => one(right, |right| Node::SetLocal(at, math, right)),
                _ => Node::Bail,
            },
            left => match self.of_this(left) {
                Some((name, None)) => one(right, |right| Node::SetThis(name, math, right)),
                Some((name, Some(key))) => both(key, right, |both| Node::SetEntry(name, math, both)),
                None => Node::Bail,
            },
        }
    }

    fn local(&self, name: &str) -> Option<&Local> {
        self.visible.iter().rev().find(|local| local.name == name)
    }

    fn place(&self, name: &str) -> Option<Place> {
        self.local(name)?.at
    }

    fn is_event(&self, expr: &Expr) -> bool {
        let Expr::Variable(variable, ..) = expr else { return false };
        self.local(&variable.1).is_some_and(|local| local.at.is_none())
    }

    fn is_constant(&self, expr: &Expr) -> bool {
        let Expr::Variable(variable, ..) = expr else { return false };
        self.place(&variable.1).is_some_and(|place| place.is_constant)
    }

    fn expr(&mut self, expr: &Expr) -> Node {
        self.bounded(|compiler| compiler.any_expr(expr))
    }

    /// One node more, in the others.
    fn bounded(&mut self, make: impl FnOnce(&mut Self) -> Node) -> Node {
        self.nodes += 1;
        if self.nodes > MAX_NODES || self.depth > MAX_DEPTH {
            return Node::Bail;
        }
        self.depth += 1;
        let node = make(self);
        self.depth -= 1;
        node
    }

    fn any_expr(&mut self, expr: &Expr) -> Node {
        match expr {
            Expr::BoolConstant(flag, _) => Node::Const(Value::Bool(*flag)),
            Expr::IntegerConstant(number, _) => Node::Const(Value::Int(*number)),
            Expr::FloatConstant(number, _) => Node::Const(Value::Float(**number)),
            Expr::StringConstant(text, _) => Node::Const(Value::Text(text.clone())),
            Expr::Unit(_) => Node::Const(Value::Unit),
            Expr::DynamicConstant(value, _) => Value::of(value).map_or(Node::Bail, Node::Const),
            Expr::InterpolatedString(parts, _) => all(self.exprs(parts), Node::Text),
            Expr::Array(parts, _) => all(self.exprs(parts), Node::Array),
            Expr::Map(parts, _) => {
                let (names, values): (Vec<Name>, Vec<Node>) =
                    parts.0.iter().map(|(name, value)| (name.name.as_str().into(), self.expr(value))).unzip();
                all(values, |values| Node::Map(names.into_iter().zip(values).collect()))
            }
            Expr::Variable(variable, ..) => match self.place(&variable.1) {
                Some(place) => Node::Local(place.at),
                None => Node::Bail,
            },
            Expr::Stmt(block) => self.block(block),
            Expr::FnCall(call, _) => self.call(call),
            Expr::And(parts, _) => some(self.exprs(parts), Node::And),
            Expr::Or(parts, _) => some(self.exprs(parts), Node::Or),
            Expr::Coalesce(parts, _) => some(self.exprs(parts), Node::Coalesce),
            Expr::Dot(..) => self.dot(expr),
            _ => Node::Bail,
        }
    }

    fn exprs(&mut self, exprs: &[Expr]) -> Vec<Node> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    /// `this.NAME` and `this.NAME[KEY]`.
    fn of_this(&mut self, expr: &Expr) -> Option<(Name, Option<Node>)> {
        let Expr::Dot(sides, flags, _) = expr else { return None };
        if !matches!(sides.lhs, Expr::ThisPtr(_)) || flags.intersects(ASTFlags::NEGATED) {
            return None;
        }
        match &sides.rhs {
            Expr::Property(names, _) => Some((names.2.as_str().into(), None)),
            Expr::Index(index, flags, _) => {
                let Expr::Property(names, _) = &index.lhs else { return None };
                // Else there is more behind the key.
                let is_key = flags.intersects(ASTFlags::BREAK) || !matches!(index.rhs, Expr::Dot(..) | Expr::Index(..));
                if !is_key || flags.intersects(ASTFlags::NEGATED) {
                    return None;
                }
                let key = self.expr(&index.rhs);
                // The interpreter finds keys before what they are keys of.
                (key.is_pure() && !key.is_bail()).then(|| (names.2.as_str().into(), Some(key)))
            }
            _ => None,
        }
    }

    /// What has points in it: variables of the script, fields of the event, methods one behind the other.
    fn dot(&mut self, expr: &Expr) -> Node {
        match self.of_this(expr) {
            Some((name, None)) => return Node::This(name),
            Some((name, Some(key))) => return Node::Entry(name, Box::new(key)),
            None => {}
        }
        let Expr::Dot(sides, flags, _) = expr else { return Node::Bail };
        if flags.intersects(ASTFlags::NEGATED) {
            return Node::Bail;
        }
        if self.is_event(&sides.lhs) {
            let (first, rest) = first_of(&sides.rhs);
            let Expr::MethodCall(call, _) = first else { return Node::Bail };
            let [handle] = &*call.args else { return Node::Bail };
            if call.name != "get" || self.own.contains("get") {
                return Node::Bail;
            }
            let handle = self.expr(handle);
            if !handle.is_pure() {
                return Node::Bail;
            }
            return self.methods(one(handle, Node::Field), rest);
        }
        let (receiver, rest) = match (&sides.lhs, first_of(&sides.rhs)) {
            (Expr::ThisPtr(_), (Expr::Property(names, _), rest)) => (Node::This(names.2.as_str().into()), rest),
            (Expr::ThisPtr(_), _) => return Node::Bail,
            // Which methods a constant has is another matter.
            (other, _) if self.is_constant(other) => return Node::Bail,
            (other, _) => (self.expr(other), Some(&sides.rhs)),
        };
        self.methods(receiver, rest)
    }

    /// Methods one behind the other.
    fn methods(&mut self, mut receiver: Node, mut rest: Option<&Expr>) -> Node {
        let mut length = 0;
        while let Some(chain) = rest {
            let first;
            (first, rest) = first_of(chain);
            let Expr::MethodCall(call, _) = first else { return Node::Bail };
            length += 1;
            if length > MAX_CHAIN || receiver.is_bail() {
                return Node::Bail;
            }
            receiver = self.method(&call.name, receiver, &call.args);
        }
        receiver
    }

    fn method(&mut self, name: &str, receiver: Node, arguments: &[Expr]) -> Node {
        let arguments: Vec<Node> = std::iter::once(receiver).chain(self.exprs(arguments)).collect();
        match Action::of(name, arguments.len()) {
            None | Some(Action::Add) => self.function(name, arguments),
            Some(_) => Node::Bail,
        }
    }

    /// The interpreter finds the values of arguments before those of what a method is called on, and may do it the other way
    /// round when it is no method: they have to leave everything as it is.
    fn function(&self, name: &str, arguments: Vec<Node>) -> Node {
        if self.own.contains(name) || !arguments.iter().all(Node::is_pure) {
            return Node::Bail;
        }
        let count = arguments.len();
        if let Some(method) = Method::of(name, count) {
            return all(arguments, |arguments| Node::Call(method, arguments));
        }
        if let Some(action) = Action::of(name, count) {
            return all(arguments, |arguments| Node::Effect(action, arguments));
        }
        let native = natives::find(name, count);
        native.map_or(Node::Bail, |native| all(arguments, |arguments| Node::Native(native, arguments)))
    }

    fn call(&mut self, call: &FnCallExpr) -> Node {
        match (&call.op_token, &*call.args) {
            (Some(Token::Bang), [value]) => one(self.expr(value), Node::Not),
            (Some(Token::Minus | Token::UnaryMinus), [value]) => one(self.expr(value), Node::Negative),
            // `KEY in MAP` is a call of that, and so is `KEY !in MAP`.
            (None, _) | (Some(Token::NotIn), [_, _]) => {
                let arguments = self.exprs(&call.args);
                if call.capture_parent_scope { Node::Bail } else { self.function(&call.name, arguments) }
            }
            (Some(token), [left, right]) => {
                let (left, right) = (self.expr(left), self.expr(right));
                match (Math::of(token), Compare::of(token)) {
                    (Some(math), _) => both(left, right, |sides| Node::Math(math, sides)),
                    (_, Some(compare)) => both(left, right, |sides| Node::Compare(compare, sides)),
                    _ => Node::Bail,
                }
            }
            _ => Node::Bail,
        }
    }
}

/// The first link of a chain, and the others.
fn first_of(chain: &Expr) -> (&Expr, Option<&Expr>) {
    match chain {
        Expr::Dot(sides, flags, _) if !flags.intersects(ASTFlags::NEGATED) => (&sides.lhs, Some(&sides.rhs)),
        other => (other, None),
    }
}
