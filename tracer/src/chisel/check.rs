//! `tracer chisel check`: what is wrong with a script, found without an event.
//!
//! What it declares is declared, so that fields, filters and types are checked as they are in a run. Functions that only
//! events call are read, not run.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, ASTNode, Dynamic, Expr, FnCallExpr, Map, OptimizationLevel, Position, Stmt};

use super::{
    ArgKind, Chisel, ChiselError, Env, Meta, Source,
    declared::{Declared, Phase},
    engine::{CALLBACKS, sandbox},
    functions,
};
use crate::{fields::nearest, sink::Out};

/// Functions of the language itself.
const OF_LANGUAGE: [&str; 9] =
    ["print", "debug", "type_of", "Fn", "call", "curry", "is_def_var", "is_def_fn", "is_shared"];

/// All that is wrong with a script, in the order of its lines.
#[must_use]
pub fn check(source: &Source) -> Vec<ChiselError> {
    let meta = match Chisel::describe(source) {
        Ok(meta) => meta,
        Err(error) => return vec![error],
    };
    // Declarations may depend on whether containers are shown.
    for container in [false, true] {
        let env = Env { container, ..Env::plain(Out::memory()) };
        if let Err(error) = Chisel::with_values(source.clone(), examples(&meta), env) {
            return vec![error];
        }
    }
    let mut wrong = Vec::new();
    if let Ok(script) = Script::read(source) {
        script.calls(&mut wrong);
        script.properties(&mut wrong);
        script.unused(&meta, &mut wrong);
    }
    wrong.sort_by_key(|error| error.place);
    wrong
}

/// Values that arguments could have.
fn examples(meta: &Meta) -> Map {
    let example = |kind: ArgKind| -> Dynamic {
        match kind {
            ArgKind::String => "127.0.0.1".into(),
            ArgKind::Int => 1000_i64.into(),
            ArgKind::Field => "proc.name".into(),
            ArgKind::Filter => "proc.pid>0".into(),
            // Nothing is written: only declarations run.
            ArgKind::Capture => "excerpt.scap".into(),
            ArgKind::Folder => std::env::temp_dir().to_string_lossy().into_owned().into(),
        }
    };
    let value = |arg: &super::ArgSpec| match (&*arg.choices, arg.default.is_unit()) {
        (_, false) => arg.default.clone(),
        ([first, ..], _) => first.clone().into(),
        _ => example(arg.kind),
    };
    meta.args.iter().map(|arg| (arg.name.as_str().into(), value(arg))).collect()
}

/// A script as it was read.
struct Script<'s> {
    source: &'s Source,
    ast: AST,
    /// Functions that there are, with the number of their parameters.
    known: BTreeSet<(String, usize)>,
}

impl<'s> Script<'s> {
    fn read(source: &'s Source) -> Result<Self, ChiselError> {
        let mut engine = sandbox();
        let declared = Declared::new(Phase::Describe, Env::plain(Out::memory()), Map::new());
        functions::register(&mut engine, &std::rc::Rc::new(declared.into()));
        engine.set_optimization_level(OptimizationLevel::None);
        let compiled = engine.compile(&source.text);
        let ast = compiled.map_err(|error| ChiselError::parse(&source.origin, &source.text, &error))?;
        let of_engine = engine.collect_fn_metadata(
            None,
            |function| Some((function.metadata.name.to_string(), function.metadata.num_params)),
            true,
        );
        let own = ast.iter_functions().map(|function| (function.name.to_owned(), function.params.len()));
        let known = of_engine.into_iter().chain(own).collect();
        Ok(Self { source, ast, known })
    }

    fn wrong(&self, position: Position, cause: impl Into<String>) -> ChiselError {
        ChiselError::new(&self.source.origin, cause).at(&self.source.text, position)
    }

    /// Where that text stands first.
    fn text_at(&self, wanted: &str) -> Position {
        let mut found = Position::NONE;
        self.ast.walk(&mut |path| match path.last() {
            Some(ASTNode::Expr(Expr::StringConstant(text, position))) if text == wanted => {
                found = *position;
                false
            }
            _ => true,
        });
        found
    }

    /// Calls of functions that do not exist, or take another number of arguments.
    fn calls(&self, wrong: &mut Vec<ChiselError>) {
        self.ast.walk(&mut |path| {
            let (call, position, is_method) = match path.last() {
                Some(ASTNode::Expr(Expr::FnCall(call, position)))
                | Some(ASTNode::Stmt(Stmt::FnCall(call, position))) => (call, *position, false),
                Some(ASTNode::Expr(Expr::MethodCall(call, position))) => (call, *position, true),
                _ => return true,
            };
            wrong.extend(self.call(call, position, is_method));
            true
        });
    }

    fn call(&self, call: &FnCallExpr, position: Position, is_method: bool) -> Option<ChiselError> {
        let name = call.name.as_str();
        if call.op_token.is_some() || OF_LANGUAGE.contains(&name) {
            return None;
        }
        // A method of an object may also be a function of which it is the first argument, or `this`.
        let counts = [call.args.len() + usize::from(is_method), call.args.len()];
        if counts.iter().any(|count| self.known.contains(&(name.to_owned(), *count))) {
            let is_get = is_method && name == "get" && call.args.len() == 1;
            let text = call.args.first().filter(|_| is_get).and_then(|arg| match arg {
                Expr::StringConstant(text, at) => Some((text, *at)),
                _ => None,
            });
            return text.map(|(text, at)| {
                let mut error = self.wrong(at, format!("get takes a field, not its name '{text}'"));
                error.hint = Some(format!("at the top: let it = field(\"{text}\"); here: evt.get(this.it)"));
                error
            });
        }
        let others: Vec<usize> =
            self.known.iter().filter(|(known, _)| known == name).map(|(_, count)| *count).collect();
        if others.is_empty() {
            let mut error = self.wrong(position, format!("there is no function '{name}'"));
            let names = self.known.iter().map(|(name, _)| name.as_str());
            error.hint = nearest(name, names.filter(|name| name.starts_with(|first: char| first.is_alphabetic())))
                .map(|name| format!("did you mean '{name}'?"));
            return Some(error);
        }
        let usage = functions::all().find(|function| function.name() == name).map(|function| function.usage);
        let mut error = self.wrong(position, format!("function '{name}' does not take {} arguments", call.args.len()));
        error.hint = usage.map(|usage| format!("it is called as {usage}"));
        Some(error)
    }

    /// Properties of `this` that nobody sets.
    fn properties(&self, wrong: &mut Vec<ChiselError>) {
        let variables = self.variables();
        for (name, (position, is_set)) in self.of_this() {
            if variables.contains_key(&name) || is_set {
                continue;
            }
            let mut error = self.wrong(position, format!("the script has no variable '{name}'"));
            error.hint =
                nearest(&name, variables.keys().map(String::as_str)).map(|name| format!("did you mean 'this.{name}'?"));
            wrong.push(error);
        }
    }

    /// Variables of the script, and whether each is a field that was asked for.
    fn variables(&self) -> BTreeMap<String, (Position, bool)> {
        let mut found = BTreeMap::new();
        for statement in self.ast.statements() {
            let Stmt::Var(var, _, position) = statement else { continue };
            let is_field = matches!(&var.1, Expr::FnCall(call, _) if call.name == "field");
            found.insert(var.0.name.to_string(), (*position, is_field));
        }
        found
    }

    /// Properties of `this`, where each is first, and whether one is set.
    fn of_this(&self) -> BTreeMap<String, (Position, bool)> {
        let mut found: BTreeMap<String, (Position, bool)> = BTreeMap::new();
        self.ast.walk(&mut |path| {
            let Some(ASTNode::Expr(Expr::Dot(dot, ..))) = path.last() else { return true };
            let Expr::ThisPtr(_) = dot.lhs else { return true };
            if let Some((name, position)) = property(&dot.rhs) {
                // `this.x = …` is the left side of an assignment.
                let is_set = path.iter().rev().nth(1).is_some_and(|outer| match outer {
                    ASTNode::Stmt(Stmt::Assignment(both)) => {
                        matches!(&both.1.lhs, Expr::Dot(left, ..) if std::ptr::eq(&**left, &**dot))
                    }
                    _ => false,
                });
                let entry = found.entry(name).or_insert((position, false));
                entry.1 |= is_set;
            }
            true
        });
        found
    }

    /// Fields and arguments that nobody reads, and scripts that show nothing.
    fn unused(&self, meta: &Meta, wrong: &mut Vec<ChiselError>) {
        let mut read: BTreeSet<String> = self.of_this().into_keys().collect();
        let mut arguments = BTreeSet::new();
        self.ast.walk(&mut |path| {
            match path.last() {
                Some(ASTNode::Expr(Expr::Variable(name, ..))) => _ = read.insert(name.1.to_string()),
                Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) => {
                    if let ("arg" | "folder" | "excerpt", Some(Expr::StringConstant(name, _))) =
                        (call.name.as_str(), call.args.first())
                    {
                        arguments.insert(name.to_string());
                    }
                }
                _ => {}
            }
            true
        });
        for (name, (position, is_field)) in self.variables() {
            if is_field && !read.contains(&name) {
                wrong.push(self.wrong(position, format!("field '{name}' is asked for and never read")));
            }
        }
        for arg in meta.args.iter().filter(|arg| !arguments.contains(&arg.name)) {
            wrong.push(
                self.wrong(self.text_at(&arg.name), format!("argument '{}' is declared and never read", arg.name)),
            );
        }
        let has = |name: &str| self.ast.iter_functions().any(|function| function.name == name);
        let declares = ["table", "tally", "rate", "top", "heatmap", "histogram", "list", "format"];
        let mut shows = CALLBACKS.iter().any(|(name, _)| *name != "on_init" && has(name));
        self.ast.walk(&mut |path| {
            if let Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) = path.last() {
                shows |= declares.contains(&call.name.as_str());
            }
            true
        });
        if !shows {
            let cause = format!("it shows nothing: it has no {}, and no on_event", declares.join(", no "));
            wrong.push(self.wrong(Position::NONE, cause));
        }
    }
}

/// The property that an expression behind `this.` begins with.
fn property(expr: &Expr) -> Option<(String, Position)> {
    match expr {
        Expr::Property(names, position) => Some((names.2.to_string(), *position)),
        Expr::Dot(both, ..) | Expr::Index(both, ..) => property(&both.lhs),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chisel::Library;

    fn causes(text: &str) -> Vec<String> {
        let text = format!("chisel(#{{ summary: \"x\", args: [#{{ name: \"n\", default_value: 1 }}] }});\n{text}");
        let source = Source { name: "x".into(), origin: "x.rhai".into(), text };
        check(&source)
            .into_iter()
            .map(|error| format!("{}: {}", error.place.map_or(0, |place| place.0), error.cause))
            .collect()
    }

    #[test]
    fn all_chisels_of_the_shelf_are_right() {
        for (name, source) in Library::builtin().list() {
            let wrong: Vec<String> = check(&source).iter().map(ToString::to_string).collect();
            assert!(wrong.is_empty(), "{name}: {}", wrong.join("\n"));
        }
    }

    #[test]
    fn what_no_event_reaches_is_read() {
        let text = "let a = field(\"proc.name\");\nlet b = field(\"fd.name\");\nlet m = arg(\"n\");
fn on_event(evt) {
    if evt.get(this.a) == \"x\" { prnt(\"y\"); left(\"a\"); }
    evt.get(\"fd.name\");
    this.seen = 1;
    print(`${this.seen} ${this.cc}`);
}";
        assert_eq!(
            causes(text),
            [
                "3: field 'b' is asked for and never read",
                "6: there is no function 'prnt'",
                "6: function 'left' does not take 1 arguments",
                "7: get takes a field, not its name 'fd.name'",
                "9: the script has no variable 'cc'",
            ]
        );
        assert_eq!(
            causes("filter(\"evt.type=open\");"),
            [
                "0: it shows nothing: it has no table, no tally, no rate, no top, no heatmap, no histogram, no list, no format, and no \
                 on_event",
                "1: argument 'n' is declared and never read",
            ]
        );
    }
}
