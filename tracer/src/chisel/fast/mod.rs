//! Simple functions of events without the interpreter of the language.
//!
//! `on_event` becomes a small tree ([`compile`]) that is run first ([`run`]). Where it meets what it does not know, or anything
//! whose result is not certainly that of the language – another type, a number that is too large, something missing, a limit –
//! it takes back what it changed, and the interpreter runs the whole function. What a run prints is printed when it has come to
//! its end. So errors, their texts and places, limits and oddities are the interpreter's, and this is right as long as it is right
//! where it has an answer. Why it is done so: `docs/decisions/0010-simple-scripts.md`.

mod compile;
mod effects;
mod natives;
mod node;
mod ops;
mod run;
mod value;
mod variables;

use rhai::{AST, Dynamic, Engine, Map};

use self::{compile::Program, effects::Effect, run::Run, value::Value, variables::Kept};
use super::{declared::Shared, value::ScriptEvent};

/// So many events one behind the other that the interpreter had to run after all are enough.
const MAX_IN_A_ROW: u32 = 64;
/// Of so many events, half may be the interpreter's.
const WINDOW: u32 = 1024;

/// A simple function of events.
#[derive(Debug)]
pub(super) struct Fast {
    program: Program,
    locals: Vec<Value>,
    kept: Kept,
    /// Empty between runs.
    effects: Vec<Effect>,
    /// Events of this window, and those of them that were the interpreter's.
    runs: u32,
    missed: u32,
    missed_in_a_row: u32,
}

impl Fast {
    /// The function of the script with that name and one parameter, the event, if some way through it is simple.
    pub(super) fn new(engine: &Engine, ast: &AST, name: &str) -> Option<Self> {
        let program = Program::new(engine, ast, name)?;
        let locals = vec![Value::Unit; program.locals];
        Some(Self {
            program,
            locals,
            kept: Kept::default(),
            effects: Vec::new(),
            runs: 0,
            missed: 0,
            missed_in_a_row: 0,
        })
    }

    /// Runs the function. `None`: the interpreter has to, and nothing has changed.
    pub(super) fn call(&mut self, this: &mut Dynamic, event: &ScriptEvent, shared: &Shared) -> Option<Dynamic> {
        let mut map = this.write_lock::<Map>()?;
        let variables = variables::Variables::new(&mut map, &mut self.kept);
        let value = {
            let (locals, effects, declared) = (&mut self.locals, &mut self.effects, &shared.borrow());
            Run { variables, locals, event, declared, effects }.value(&self.program.body)
        };
        if !self.effects.is_empty() {
            let mut declared = shared.borrow_mut();
            self.effects.drain(..).for_each(|effect| effect.apply(&mut declared));
        }
        // Texts of the event are not kept longer than it.
        self.locals.fill(Value::Unit);
        self.count(value.is_none());
        value.map(Value::into_dynamic)
    }

    fn count(&mut self, missed: bool) {
        if self.runs == WINDOW {
            (self.runs, self.missed) = (0, 0);
        }
        self.runs += 1;
        self.missed += u32::from(missed);
        self.missed_in_a_row = if missed { self.missed_in_a_row + 1 } else { 0 };
    }

    /// The interpreter has run a function of the script.
    pub(super) fn forget(&mut self) {
        self.kept.forget();
    }

    /// Whether it answers so often that trying is less work than the interpreter would have.
    pub(super) fn is_worth_it(&self) -> bool {
        self.missed_in_a_row < MAX_IN_A_ROW && self.missed <= WINDOW / 2
    }
}

#[cfg(test)]
mod tests;
