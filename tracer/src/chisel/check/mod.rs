//! `tracer chisel check`: what is wrong with a script, found without an event.
//!
//! What it declares is declared, so that fields, filters and types are checked as they are in a run. Functions that only
//! events call are read, not run.

mod missing;
mod this;
mod types;

use std::{
    any::TypeId,
    collections::{BTreeMap, BTreeSet},
};

use rhai::{AST, ASTNode, Dynamic, Expr, FnCallExpr, Map, Position, Stmt};

use self::types::Types;

use super::{
    ArgKind, Chisel, ChiselError, Env, Meta, Source,
    declared::{Declared, Phase},
    engine::{CALLBACKS, sandbox},
    functions,
};
use crate::{fields::nearest, output::Out};

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
    let load = |container| {
        let env = Env { container, ..Env::plain(Out::memory()) };
        Chisel::with_values(source.clone(), examples(&meta), env)
    };
    let loaded = match load(false).and_then(|loaded| load(true).map(|_| loaded)) {
        Ok(loaded) => loaded,
        Err(error) => return vec![error],
    };
    let mut wrong = Vec::new();
    if let Ok(script) = Script::read(source) {
        let types = Types::new(&script, &loaded);
        script.calls(&mut wrong);
        script.properties(&mut wrong);
        script.without_this(&mut wrong);
        types.methods(&mut wrong);
        types.missing(&loaded, &mut wrong);
        script.unused(&meta, &mut wrong);
    }
    wrong.sort_by_key(|error| error.place);
    // A mistake may be found in two ways.
    wrong.dedup_by_key(|error| error.place.ok_or_else(|| error.cause.clone()));
    wrong
}

/// Values that arguments could have.
fn examples(meta: &Meta) -> Map {
    let example = |kind: ArgKind| -> Dynamic {
        match kind {
            ArgKind::String => "127.0.0.1".into(),
            ArgKind::Int
            | ArgKind::Milliseconds
            | ArgKind::Interval
            | ArgKind::Count
            | ArgKind::Size
            | ArgKind::Port => 1000_i64.into(),
            ArgKind::Field => "proc.name".into(),
            ArgKind::Filter => "proc.pid>0".into(),
            // Nothing is written: only declarations run.
            ArgKind::Capture => "excerpt.scap".into(),
            ArgKind::Grouping => super::grouping::DEFAULT.into(),
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
    /// Those of the language and of the program, with the types of their parameters.
    natives: Vec<(String, Vec<TypeId>)>,
    /// Those of the script.
    own: Vec<Function>,
}

/// A function of the script.
struct Function {
    name: String,
    params: Vec<String>,
    /// It alone.
    body: AST,
}

impl Function {
    fn all(ast: &AST) -> Vec<Self> {
        let alone = |name: &str| {
            let mut body = ast.clone_functions_only();
            body.retain_functions(|_, _, function, _| function == name);
            body
        };
        let functions = ast.iter_functions().map(|function| Self {
            name: function.name.to_owned(),
            params: function.params.iter().map(|name| (*name).to_owned()).collect(),
            body: alone(function.name),
        });
        functions.collect()
    }
}

impl<'s> Script<'s> {
    fn read(source: &'s Source) -> Result<Self, ChiselError> {
        let mut engine = sandbox();
        let declared = Declared::new(Phase::Describe, Env::plain(Out::memory()), Map::new());
        functions::register(&mut engine, &std::rc::Rc::new(declared.into()));
        let compiled = engine.compile(&source.text);
        let ast = compiled.map_err(|error| ChiselError::parse(&source.origin, &source.text, &error))?;
        let natives = engine.collect_fn_metadata(
            None,
            |function| Some((function.metadata.name.to_string(), function.metadata.param_types.to_vec())),
            true,
        );
        let own = Function::all(&ast);
        let of_engine = natives.iter().map(|(name, types)| (name.clone(), types.len()));
        let of_script = own.iter().map(|function| (function.name.clone(), function.params.len()));
        let known = of_engine.chain(of_script).collect();
        Ok(Self { source, ast, known, natives, own })
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
                let mut error = self.wrong(at, format!("get takes a field, not the field name '{text}'"));
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
        error.hint = usage.map(|usage| format!("usage: {usage}"));
        Some(error)
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

    /// Fields and arguments that nobody reads, and scripts that show nothing.
    fn unused(&self, meta: &Meta, wrong: &mut Vec<ChiselError>) {
        let mut read: BTreeSet<String> = self.of_this().into_iter().map(|it| it.name).collect();
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
                wrong.push(self.wrong(position, format!("field '{name}' is declared but never read")));
            }
        }
        for arg in meta.args.iter().filter(|arg| !arguments.contains(&arg.name)) {
            wrong.push(
                self.wrong(self.text_at(&arg.name), format!("argument '{}' is declared but never read", arg.name)),
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
            let cause = format!("the chisel shows nothing: it has no {}, and no on_event", declares.join(", no "));
            wrong.push(self.wrong(Position::NONE, cause));
        }
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
        let all = Library::builtin().list();
        let wrong: Vec<String> = all.values().flat_map(check).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
                "3: field 'b' is declared but never read",
                "6: there is no function 'prnt'",
                "6: function 'left' does not take 1 arguments",
                "7: get takes a field, not the field name 'fd.name'",
                "9: the script has no variable 'cc'",
            ]
        );
        assert_eq!(
            causes("filter(\"evt.type=open\");"),
            [
                "0: the chisel shows nothing: it has no table, no tally, no rate, no top, no heatmap, no histogram, no list, no format, and no \
                 on_event",
                "1: argument 'n' is declared but never read",
            ]
        );
    }

    /// What is found in a script that prints an argument, so that nothing else is wrong with it.
    fn found(text: &str) -> Vec<String> {
        let read = "let m = arg(\"n\");\nfn on_end() { print(this.m); }\n";
        causes(&format!("{read}{text}")).iter().map(|cause| cause.split_once(": ").unwrap().1.to_owned()).collect()
    }

    #[test]
    fn variables_that_are_not_declared_are_found() {
        let none = |name: &str| vec![format!("the script has no variable '{name}'")];
        for text in [
            "this.x += 1;",
            "this.x[0] = 1;",
            "this.x.y = 1;",
            "print(this.x);",
            "this[\"x\"] += 1;",
            "this.x.push(1);",
        ] {
            assert_eq!(found(&format!("fn on_event(evt) {{ {text} }}")), none("x"), "{text}");
        }
        assert!(found("fn on_event(evt) { this.x = 1; this.x += 1; }").is_empty());
        assert!(found("fn on_init() { this.x = 1; }\nfn on_event(evt) { this.x += 1; }").is_empty());
        assert_eq!(
            found("fn on_event(evt) { this.x = 1; }\nfn on_interval() { print(this.x); }"),
            ["variable 'x' is set only in 'on_event', and may not exist yet"]
        );
    }

    #[test]
    fn methods_that_a_value_does_not_have_are_found() {
        let text = "let calls = tally(#{ keys: [\"K\"], value: #{ title: \"V\" } });
            let data = field(\"evt.buffer\"); let name = field(\"proc.name\"); let list = [];
            fn on_event(evt) {
                let it = evt.get(this.data);
                if it == () || evt.get(this.name) == () { return; }";
        let of = |statement: &str| found(&format!("{text} {statement} }} fn on_interval() {{ print(this.name); }}"));
        for (statement, cause) in [
            ("this.calls.push([1]);", "a tally has no method 'push'"),
            ("this.calls.add([\"x\"]);", "function 'add' does not take 1 arguments"),
            ("evt.len();", "the event has no method 'len'"),
            ("print(evt.name);", "the event has no property 'name'"),
            ("it.to_upper();", "data has no method 'to_upper'"),
            ("evt.get(this.data).split(\" \");", "data has no method 'split'"),
            ("evt.get(this.name).dns();", "a text has no method 'dns'"),
            ("this.list.pussh(1);", "there is no function 'pussh'"),
            ("this.list.starts_with(1);", "an array has no method 'starts_with'"),
            ("this.name.len();", "a field has no method 'len'"),
        ] {
            assert_eq!(of(statement), [cause], "{statement}");
        }
        for statement in [
            "it.ascii().split(\" \")[0].to_upper();",
            "print(evt.get(this.name).len);",
            "this.calls.add([\"x\"], 1);",
            "this.list.push(1); this.list.len();",
            "it = 1; it.max(2);",
        ] {
            assert!(of(statement).is_empty(), "{statement}: {:?}", of(statement));
        }
    }

    #[test]
    fn functions_that_use_this_are_called_with_it() {
        let text = |call: &str| {
            format!(
                "let n = 0;\nfn more(by) {{ this.n += by; }}\nfn pure(x) {{ x + 1 }}\nfn on_event(evt) {{ {call} }}"
            )
        };
        assert!(found(&text("this.more(pure(1));")).is_empty());
        assert_eq!(
            found(&text("more(1);")),
            ["function 'more' uses this, which does not exist if it is called this way"]
        );
        assert_eq!(found(&text("if true { let x = more(1); }")).len(), 1);
    }

    #[test]
    fn values_that_may_be_missing_are_warned_of() {
        let of = |fields: &str, statement: &str| {
            let text =
                format!("let size = field(\"evt.buflen\"{fields}); let sum = 0; fn on_event(evt) {{ {statement} }}");
            found(&text)
        };
        let warned = ["an event may not have 'evt.buflen', and is then left out"];
        for statement in [
            "this.sum += evt.get(this.size);",
            "let n = evt.get(this.size); this.sum = this.sum + n;",
            "let n = evt.get(this.size); print(format_bytes(n));",
            "print(-evt.get(this.size));",
            "evt.get(this.size).abs();",
        ] {
            assert_eq!(of("", statement), warned, "{statement}");
            assert!(of(", 0", statement).is_empty(), "{statement}");
        }
        for statement in [
            "let n = evt.get(this.size); if n != () { this.sum += n; }",
            "let n = evt.get(this.size) ?? 0; this.sum += n;",
            "let n = evt.get(this.size); if n > 5 { this.sum += n; }",
            "print(`${evt.get(this.size)}`); print(\"x\" + evt.get(this.size));",
        ] {
            assert!(of("", statement).is_empty(), "{statement}: {:?}", of("", statement));
        }
        // What the filter asks for is there.
        let filter = "filter(\"evt.buflen > 0\"); let size = field(\"evt.buflen\"); let sum = 0;";
        assert!(found(&format!("{filter} fn on_event(evt) {{ this.sum += evt.get(this.size); }}")).is_empty());
        let always = "let time = field(\"evt.rawtime\"); fn on_event(evt) { print(evt.get(this.time) / 1000); }";
        assert!(found(always).is_empty());
    }
}
