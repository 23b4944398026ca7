//! Functions run with and without the interpreter: results, variables and errors are the same.

mod limits;
mod nodes;
mod random;

use std::{cell::RefCell, mem, rc::Rc};

use rhai::{CallFnOptions, Scope};

use super::*;
use crate::{
    chisel::{
        Env, Library,
        declared::{Declared, Phase},
        engine::sandbox,
        functions,
    },
    output::Out,
};

thread_local! {
    /// The language, which takes longer to make than a script to run.
    static LANGUAGE: (Rc<Engine>, Shared) = {
        let (mut engine, shared) = (sandbox(), Rc::new(RefCell::new(declared())));
        functions::register(&mut engine, &shared);
        (Rc::new(engine), shared)
    };
}

fn declared() -> Declared {
    Declared::new(Phase::Declare, Env::plain(Out::memory()), Map::new())
}

/// A script that runs twice side by side.
struct Pair {
    text: String,
    engine: Rc<Engine>,
    ast: AST,
    shared: Shared,
    fast: Option<Fast>,
    /// Variables of the run that tries it without the interpreter, and of the other one.
    tried: Dynamic,
    interpreted: Dynamic,
    event: ScriptEvent,
    /// Events that did without the interpreter, and all.
    fast_events: usize,
    events: usize,
}

impl Pair {
    /// `None`: the script is wrong, or what stands outside of functions fails.
    fn of(text: &str) -> Option<Self> {
        let (engine, shared) = LANGUAGE.with(Clone::clone);
        *shared.borrow_mut() = declared();
        let ast = engine.compile(text).ok()?;
        let mut scope = Scope::new();
        engine.run_ast_with_scope(&mut scope, &ast).ok()?;
        shared.borrow_mut().phase = Phase::Run;
        let this: Map = scope.iter().map(|(name, _, value)| (name.into(), value)).collect();
        let this = Dynamic::from_map(this);
        Some(Self {
            text: text.to_owned(),
            fast: Fast::new(&engine, &ast, "on_event"),
            engine,
            ast,
            shared,
            tried: this.clone(),
            interpreted: this,
            event: ScriptEvent::default(),
            fast_events: 0,
            events: 0,
        })
    }

    fn interpret(&self, this: &mut Dynamic) -> Result<Dynamic, String> {
        let options = CallFnOptions::new().eval_ast(false).bind_this_ptr(this);
        let (scope, event) = (&mut Scope::new(), (self.event.clone(),));
        let result = self.engine.call_fn_with_options::<Dynamic>(options, scope, &self.ast, "on_event", event);
        result.map_err(|error| format!("{error:?}"))
    }

    /// What was printed, and whether it stopped, since this was asked last.
    fn done(&mut self) -> (String, bool) {
        let mut shared = self.shared.borrow_mut();
        let text = mem::replace(&mut shared.env.page.out, Out::memory()).text();
        (text, mem::take(&mut shared.done))
    }

    /// Runs an event both ways. Returns the result or the error, and whether it did without the interpreter.
    #[track_caller]
    fn run(&mut self, values: Vec<Dynamic>) -> (Result<Dynamic, String>, bool) {
        self.event.set(values);
        let (mut tried, mut interpreted) = (mem::take(&mut self.tried), mem::take(&mut self.interpreted));
        let _ = self.done();
        let value = self.fast.as_mut().and_then(|fast| fast.call(&mut tried, &self.event, &self.shared));
        let is_fast = value.is_some();
        let result = match value {
            Some(value) => Ok(value),
            None => {
                assert_eq!(shown(&tried), shown(&interpreted), "what was changed is changed back: {}", self.text);
                if let Some(fast) = &mut self.fast {
                    fast.forget();
                }
                self.interpret(&mut tried)
            }
        };
        let done = self.done();
        let expected = self.interpret(&mut interpreted);
        assert_eq!(done, self.done(), "{}", self.text);
        let told = |result: &Result<Dynamic, String>| result.as_ref().map(shown).map_err(Clone::clone);
        assert_eq!(told(&result), told(&expected), "{}", self.text);
        assert_eq!(shown(&tried), shown(&interpreted), "{}", self.text);
        (self.tried, self.interpreted) = (tried, interpreted);
        self.events += 1;
        self.fast_events += usize::from(is_fast);
        (result, is_fast)
    }
}

/// A value with all that a script could see of it.
fn shown(value: &Dynamic) -> String {
    let inner = if let Some(map) = value.read_lock::<Map>() {
        map.iter().map(|(key, value)| format!("{key:?}: {}, ", shown(value))).collect()
    } else if let Some(array) = value.read_lock::<rhai::Array>() {
        array.iter().map(|value| format!("{}, ", shown(value))).collect()
    } else {
        format!("{value:?}")
    };
    let (tag, read_only, shared) = (value.tag(), value.is_read_only(), value.is_shared());
    let marks = if tag != 0 || read_only || shared { format!(" ({tag} {read_only} {shared})") } else { String::new() };
    format!("{} {{{inner}}}{marks}", value.type_name())
}

/// Others begin with a loop, or with functions that are not known here.
#[test]
fn most_chisels_of_the_shelf_are_simple_somewhere() {
    let (engine, _) = LANGUAGE.with(Clone::clone);
    let all = Library::builtin().list();
    let of_events = all.iter().filter(|(_, source)| source.text.contains("fn on_event"));
    let others: Vec<&str> = of_events
        .filter(|(_, source)| Fast::new(&engine, &engine.compile(&source.text).unwrap(), "on_event").is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(others, ["around", "shellshock_detect", "spy_users"]);
}
