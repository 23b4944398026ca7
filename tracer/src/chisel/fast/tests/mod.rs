//! Functions run with and without the interpreter: results, variables and errors are the same.

mod nodes;

use std::{cell::RefCell, rc::Rc};

use rhai::{CallFnOptions, Scope};

use super::*;
use crate::{
    chisel::{Env, declared::{Phase, Shared}, engine::sandbox, functions},
    sink::Out,
};

/// A script that runs twice side by side.
struct Pair {
    engine: Engine,
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
        let mut engine = sandbox();
        let declared = Declared::new(Phase::Declare, Env::plain(Out::memory()), Map::new());
        let shared = Rc::new(RefCell::new(declared));
        functions::register(&mut engine, &shared);
        let ast = engine.compile(text).ok()?;
        let mut scope = Scope::new();
        engine.run_ast_with_scope(&mut scope, &ast).ok()?;
        shared.borrow_mut().phase = Phase::Run;
        let this: Map = scope.iter().map(|(name, _, value)| (name.into(), value)).collect();
        let this = Dynamic::from_map(this);
        Some(Self {
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

    /// Runs an event both ways. Returns the result or the error, and whether it did without the interpreter.
    #[track_caller]
    fn run(&mut self, values: Vec<Dynamic>) -> (Result<Dynamic, String>, bool) {
        self.event.set(values);
        let mut tried = std::mem::take(&mut self.tried);
        let before = format!("{tried:?}");
        let value = self.fast.as_mut().and_then(|fast| fast.call(&mut tried, &self.event, &self.shared.borrow()));
        let is_fast = value.is_some();
        let result = value.map_or_else(
            || {
                assert_eq!(format!("{tried:?}"), before, "what was changed is changed back");
                self.fast.as_mut().map(Fast::forget);
                self.interpret(&mut tried)
            },
            Ok,
        );
        let mut interpreted = std::mem::take(&mut self.interpreted);
        let expected = self.interpret(&mut interpreted);
        assert_eq!(format!("{result:?}"), format!("{expected:?}"));
        assert_eq!(format!("{tried:?}"), format!("{interpreted:?}"));
        (self.tried, self.interpreted) = (tried, interpreted);
        self.events += 1;
        self.fast_events += usize::from(is_fast);
        (result, is_fast)
    }
}
