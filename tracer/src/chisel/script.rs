//! A chisel that was loaded: what it declared, and its functions.

use std::{cell::RefCell, path::PathBuf, rc::Rc, sync::Arc};

use rhai::{AST, CallFnOptions, Dynamic, Engine, EvalAltResult, FuncArgs, Map, Position, Scope};
use tracer_common::group::Grouping;

use super::{
    ChiselError, Meta, Source, args,
    declared::{Declared, Phase, Shared},
    engine::{CALLBACKS, sandbox},
    env::Env,
    error,
    excerpt::Excerpt,
    fast::Fast,
    functions, sizes,
    value::{Handle, ScriptEvent},
};
use crate::{
    aggregate::{Aggregate, Listing, When},
    event::{Event, Side},
    fields::{Context, EventType, FieldRef, Needs, nearest},
    filter::{
        Filter,
        kernel::{Expr, Question, Target},
    },
    memory,
    message::note,
    output::{Out, Page},
    sample::Sample,
};

/// The interval of a chisel that has tables or `on_interval` and does not say.
const DEFAULT_INTERVAL_MS: u64 = 1000;
/// When a running machine is listed: names of its containers have come by then.
const LIST_AFTER_MS: u64 = 200;

/// After so many events it is looked whether the variables of a script have become too large: the language does not count what is
/// added to a map by its key.
const EVENTS_PER_LOOK: u32 = 1024;
/// After so many bytes that its functions took and did not give back, it is looked at once.
const BYTES_PER_LOOK: isize = 1 << 20;
/// The most that they may keep, with tables and with what can be reached from no variable.
const MAX_KEPT_BYTES: isize = 128 << 20;

/// A chisel.
pub struct Chisel {
    source: Source,
    /// Its name, for the frames that it makes.
    name: Arc<str>,
    engine: Engine,
    ast: AST,
    shared: Shared,
    /// The variables of the script: `this` of its functions.
    this: Dynamic,
    scope: Scope<'static>,
    event: ScriptEvent,
    /// `on_event`, if it is worth while to try it without the interpreter.
    fast: Option<Fast>,
    /// Events and rows since its variables were looked at.
    calls: u32,
    /// Bytes that its functions keep, and what that was when its variables were looked at.
    kept: isize,
    looked: isize,
    callbacks: Vec<&'static str>,
    /// When its first event was, nanoseconds since the epoch.
    began_ns: Option<u64>,
    /// Events that were lost before any chisel could have them: so far, and until the last interval.
    lost: u64,
    lost_before: u64,
    /// When the last interval ended that frames were taken of.
    taken_ns: Option<u64>,
    /// Of captures: when the last interval ended, nanoseconds since the epoch.
    ended_ns: Option<u64>,
    /// Whether its lists were printed.
    listed: bool,
    /// Whether events ended with an error: tables and lists without rows are not shown then.
    failed: bool,
    /// Whether events have come since `on_interval` was called.
    pending: bool,
    /// Events and rows whose call ended at a value that they do not have.
    incomplete: u64,
}

impl std::fmt::Debug for Chisel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chisel").field("source", &self.source.origin).finish_non_exhaustive()
    }
}

fn start(source: &Source, phase: Phase, env: Env, args: Map) -> Result<(Engine, AST, Shared), ChiselError> {
    let mut engine = sandbox();
    let shared = Rc::new(RefCell::new(Declared::new(phase, env, args)));
    functions::register(&mut engine, &shared);
    let ast = engine.compile(&source.text).map_err(|error| ChiselError::parse(&source.origin, &source.text, &error))?;
    Ok((engine, ast, shared))
}

impl Chisel {
    /// What a chisel says of itself. Nothing else of it runs.
    ///
    /// # Errors
    /// The script is wrong.
    pub fn describe(source: &Source) -> Result<Meta, ChiselError> {
        let env = Env::plain(Out::memory());
        let (engine, ast, shared) = start(source, Phase::Describe, env, Map::new())?;
        let result = engine.run_ast(&ast);
        if let Some(meta) = shared.borrow_mut().meta.take() {
            return Ok(meta);
        }
        Err(match result {
            Err(error) => ChiselError::run(&source.origin, &source.text, &error),
            Ok(()) => ChiselError::new(&source.origin, "chisel(#{ summary: \"…\" }) is missing"),
        })
    }

    /// Loads a chisel with its argument from the command line.
    ///
    /// # Errors
    /// The script is wrong, or the argument.
    pub fn load(source: Source, argument: Option<&str>, env: Env) -> Result<Self, ChiselError> {
        let meta = Self::describe(&source)?;
        let values = args::values(&source.name, &meta, argument)?;
        Self::with_values(source, values, env)
    }

    /// Loads a chisel with the values of its arguments.
    pub(super) fn with_values(source: Source, values: Map, env: Env) -> Result<Self, ChiselError> {
        let (engine, ast, shared) = start(&source, Phase::Declare, env, values)?;
        let callbacks = callbacks(&source, &ast)?;
        let mut scope = Scope::new();
        let run = |error: Box<EvalAltResult>| ChiselError::run(&source.origin, &source.text, &error);
        engine.run_ast_with_scope(&mut scope, &ast).map_err(run)?;
        let (exact, interpreted) = (shared.borrow().env.page.json, shared.borrow().env.interpreted);
        let fast = if interpreted { None } else { Fast::new(&engine, &ast, "on_event") };
        let variables: Map = scope.iter().map(|(name, _, value)| (name.into(), value)).collect();
        let mut chisel = Self {
            name: Arc::from(source.name.as_str()),
            source,
            engine,
            ast,
            shared,
            this: Dynamic::from_map(variables),
            scope: Scope::new(),
            event: ScriptEvent::new(exact),
            fast,
            calls: 0,
            kept: 0,
            looked: 0,
            callbacks,
            began_ns: None,
            lost: 0,
            lost_before: 0,
            taken_ns: None,
            ended_ns: None,
            listed: false,
            failed: false,
            pending: false,
            incomplete: 0,
        };
        let _ = chisel.call("on_init", ())?;
        let mut shared = chisel.shared.borrow_mut();
        shared.phase = Phase::Run;
        if shared.interval_ms.is_none() {
            let at_intervals = shared.aggregates.iter().any(|it| it.when() != When::End)
                || !shared.tallies.is_empty()
                || chisel.callbacks.contains(&"on_interval");
            let lists = (!shared.lists.is_empty()).then_some(LIST_AFTER_MS);
            shared.interval_ms = if at_intervals { Some(DEFAULT_INTERVAL_MS) } else { lists };
        }
        if let Some(ms) = shared.env.tables.interval_ms {
            shared.interval_ms =
                shared.interval_ms.map(|_| ms).filter(|_| shared.lists.is_empty()).or(shared.interval_ms);
        }
        drop(shared);
        Ok(chisel)
    }

    /// Calls a function of the script if it has it.
    fn call(&mut self, name: &str, args: impl FuncArgs) -> Result<Dynamic, ChiselError> {
        if !self.callbacks.contains(&name) {
            return Ok(Dynamic::UNIT);
        }
        if let Some(fast) = &mut self.fast {
            fast.forget();
        }
        let options = CallFnOptions::new().eval_ast(false).bind_this_ptr(&mut self.this);
        let before = memory::taken();
        let result = self.engine.call_fn_with_options::<Dynamic>(options, &mut self.scope, &self.ast, name, args);
        self.kept = self.kept.saturating_add(memory::taken().wrapping_sub(before));
        result.map_err(|error| {
            let text = &self.source.text;
            let is_missing = self.event.missing().is_some() || self.shared.borrow().beyond_data;
            let is_missing_value = is_missing && error::is_of_unit(&error);
            let error = ChiselError::run(&self.source.origin, text, &error).or_in_function(text, name);
            ChiselError { is_missing_value, ..error }
        })
    }

    /// Takes an event that passed the filter of the command. Returns whether it was of use: `on_event` may return false.
    ///
    /// # Errors
    /// The script failed, or output cannot be written.
    pub fn event(&mut self, context: &Context<'_>) -> anyhow::Result<bool> {
        self.began_ns.get_or_insert(context.event.time_ns);
        if self.shared.borrow().env.replay && self.goes_by_intervals() {
            self.intervals_until(context.event.time_ns, context.state)?;
        }
        let counted = self.count(context)?;
        self.pending |= counted.is_some() || context.event.done;
        let Some((used, again)) = counted else { return Ok(false) };
        if !self.callbacks.contains(&"on_event") || again && !self.asks_sides() {
            return Ok(used);
        }
        let result = self.call_with("on_event", context)?;
        Ok(used || result.is_some_and(|result| result.as_bool() != Ok(false)))
    }

    /// Calls a function with an event or a row. `None`: the function ended at a value that the event does not have.
    fn call_with(&mut self, name: &str, context: &Context<'_>) -> anyhow::Result<Option<Dynamic>> {
        {
            let shared = self.shared.borrow();
            self.event.fill(&shared.fields, &shared.others, context);
        }
        {
            let mut shared = self.shared.borrow_mut();
            (shared.now_ns, shared.weight) = (context.event.time_ns, context.event.weight);
            shared.beyond_data = false;
        }
        let result = match self.without_interpreter(name) {
            Some(value) => Ok(value),
            None => self.call(name, (self.event.clone(),)),
        };
        self.shared.borrow_mut().weight = 1;
        let result = match result {
            Err(error) if error.is_missing_value => {
                self.say_incomplete(&error);
                None
            }
            result => Some(result?),
        };
        self.failure()?;
        self.look_at_variables(name)?;
        Ok(result)
    }

    /// An event without a value that the script computes with is left out: the script works for the others. The first is said at
    /// once, their number at the end.
    fn say_incomplete(&mut self, error: &ChiselError) {
        self.incomplete += 1;
        if self.incomplete > 1 {
            return;
        }
        let missing = self.event.missing();
        let name = missing.and_then(|handle| self.shared.borrow().fields.get(handle.0).map(FieldRef::name));
        note(&error.to_string());
        if self.shared.borrow().beyond_data {
            note("the script reads more data than the event has; such events are left out");
            note("hint: compare with () first, or test len(); snaplen(bytes) captures more of each event");
            return;
        }
        let which = name.as_deref().map_or("a field".to_owned(), |name| format!("'{name}'"));
        note(&format!("the event has no {which}; such events are left out"));
        let name = name.unwrap_or_else(|| "…".to_owned());
        note(&format!("hint: field(\"{name}\", 0) gives a default; or compare with () first"));
    }

    /// What is said at the end of the events that were left out.
    fn say_all_incomplete(&mut self) {
        match std::mem::take(&mut self.incomplete) {
            0 | 1 => {}
            count => note(&format!(
                "chisel {}: {count} events were left out, because they do not have a value that the script uses",
                self.source.origin
            )),
        }
    }

    /// Ends a script that keeps too much.
    fn look_at_variables(&mut self, name: &str) -> Result<(), ChiselError> {
        self.calls += 1;
        if self.calls < EVENTS_PER_LOOK && self.kept - self.looked < BYTES_PER_LOOK {
            return Ok(());
        }
        self.calls = 0;
        self.looked = self.kept;
        let text = &self.source.text;
        if self.kept > MAX_KEPT_BYTES {
            let cause = format!("it keeps more than {} MiB in memory", MAX_KEPT_BYTES >> 20);
            return Err(ChiselError::new(&self.source.origin, cause).or_in_function(text, name));
        }
        let Some(what) = sizes::excess(&self.this) else { return Ok(()) };
        let error = EvalAltResult::ErrorDataTooLarge(what.to_owned(), Position::NONE);
        Err(ChiselError::run(&self.source.origin, text, &error).or_in_function(text, name))
    }

    /// What a simple function of the event says; `None` if the interpreter has to run it.
    fn without_interpreter(&mut self, name: &str) -> Option<Dynamic> {
        let fast = self.fast.as_mut().filter(|_| name == "on_event")?;
        let value = fast.call(&mut self.this, &self.event, &self.shared);
        if !fast.is_worth_it() {
            self.fast = None;
        }
        value
    }

    /// Whether `on_event` asks for something that differs between the descriptors of an event.
    fn asks_sides(&self) -> bool {
        self.shared.borrow().fields.iter().any(|field| field.needs().has(Needs::SIDES))
    }

    /// What is done natively for an event: whether it was of use, and whether it came before, for its other descriptor. `None`
    /// when the filter does not want it.
    fn count(&self, context: &Context<'_>) -> anyhow::Result<Option<(bool, bool)>> {
        let mut shared = self.shared.borrow_mut();
        let shared = &mut *shared;
        if shared.filter.as_ref().is_some_and(|filter| !filter.matches(context)) {
            return Ok(None);
        }
        shared.release()?;
        // An event with two descriptors comes once for each: what asks for neither of them takes it once.
        let again = context.event.side == Side::Out && shared.taken == context.event.num;
        shared.taken = context.event.num;
        let mut used = false;
        if context.event.done {
            // It is no call: nothing of it counts but its bytes.
            for aggregate in shared.aggregates.iter_mut().filter(|it| it.needs().has(Needs::BYTES)) {
                let _ = aggregate.add(context);
            }
            return Ok(None);
        }
        // Few events come twice, and the others are not copied.
        let event = if again { Some(Event { repeated: true, ..*context.event }) } else { None };
        let repeated = event.as_ref().map(|event| Context { event, ..*context });
        let context = repeated.as_ref().unwrap_or(context);
        for aggregate in &mut shared.aggregates {
            used |= (!again || aggregate.needs().has(Needs::SIDES)) && aggregate.add(context);
        }
        if let Some(line) = shared.line.as_ref().filter(|_| !again) {
            used |= shared.env.page.out.line(|out| line.render(context, out))?;
        }
        Ok(Some((used, again)))
    }

    fn failure(&self) -> anyhow::Result<()> {
        match self.shared.borrow_mut().failure.take() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    /// What has to be collected for it.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let shared = self.shared.borrow();
        let filter = shared.filter.as_ref().map_or(Needs::NONE, Filter::needs);
        let line = shared.line.as_ref().map_or(Needs::NONE, crate::aggregate::Line::needs);
        let aggregates = shared.aggregates.iter().map(|it| it.needs());
        let lists = shared.lists.iter().map(Listing::needs);
        // Rows of a list do not wait for names, as events do.
        let late = if self.callbacks.contains(&"on_event") { Needs::NONE } else { Needs::CONTAINER_NOW };
        let fields = shared.fields.iter().map(|field| field.needs().without(late));
        fields.chain(aggregates).chain(lists).chain([filter, line]).collect()
    }

    /// Whether events of that type can be of use to it.
    #[must_use]
    pub fn wants(&self, event: &EventType<'_>) -> bool {
        let shared = self.shared.borrow();
        // Any event says how late it is.
        let by_time = || self.goes_by_intervals() || shared.aggregates.iter().any(|it| it.goes_by_length());
        if shared.env.replay && by_time() {
            return true;
        }
        if shared.filter.as_ref().is_some_and(|filter| !filter.may_match(event)) {
            return false;
        }
        shared.line.is_some()
            || self.callbacks.contains(&"on_event")
            || shared.aggregates.iter().any(|it| it.may_count(event))
    }

    /// What the kernel side knows of which events of a type can be of use to it: never less than those.
    #[must_use]
    pub fn demand(&self, target: &Target<'_>, questions: &mut Vec<Question>) -> Expr {
        if !self.wants(&target.event) {
            return Expr::Always(false);
        }
        let shared = self.shared.borrow();
        let filter = shared.filter.as_ref().map_or(Expr::Always(true), |filter| filter.in_kernel(target, questions));
        if shared.line.is_some() || self.callbacks.contains(&"on_event") {
            return filter;
        }
        let aggregates = shared.aggregates.iter().map(|it| it.demand(target, questions)).collect();
        Expr::And(vec![filter, Expr::any_of(aggregates)])
    }

    /// Its filter, and those of what it declares.
    pub fn each_filter(&self, visit: &mut dyn FnMut(&Filter)) {
        let shared = self.shared.borrow();
        let aggregates = shared.aggregates.iter().filter_map(|it| it.filter());
        shared.filter.iter().chain(aggregates).for_each(visit);
    }

    /// What can be counted in the kernel instead, when `before` stands before its own filter.
    ///
    /// # Errors
    /// The reason why it cannot.
    pub fn grouping(&self, before: Option<&Filter>) -> Result<Grouping, &'static str> {
        let shared = self.shared.borrow();
        if self.callbacks.contains(&"on_event") || shared.line.is_some() || !shared.lists.is_empty() {
            return Err("the script processes each event");
        }
        let Some((first, others)) = shared.aggregates.split_first() else { return Err("the chisel declares no table") };
        let counts = others.iter().try_fold(first.grouping()?, |counts, other| {
            let is_alone = first.filter().is_some() || other.filter().is_some();
            counts
                .with(other.grouping()?)
                .filter(|_| !is_alone)
                .ok_or("the chisel declares several tables with different keys or filters")
        })?;
        let filters: Vec<&Filter> = [before, shared.filter.as_ref(), first.filter()].into_iter().flatten().collect();
        counts.in_kernel(&filters)
    }

    /// Whether the event can be of use to it, whatever the metadata of its container will be.
    #[must_use]
    pub fn may_want(&self, context: &Context<'_>) -> bool {
        let shared = self.shared.borrow();
        shared.filter.as_ref().is_none_or(|filter| filter.decide_without_container(context) != Some(false))
    }

    /// Whether it only lists what there is.
    #[must_use]
    pub fn is_still(&self) -> bool {
        let shared = self.shared.borrow();
        let of_events = ["on_event", "on_interval"].iter().any(|name| self.callbacks.contains(name));
        !shared.lists.is_empty()
            && shared.aggregates.is_empty()
            && shared.tallies.is_empty()
            && shared.line.is_none()
            && !of_events
    }

    /// Whether it is about events that can be sampled.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        let shared = self.shared.borrow();
        shared.line.is_some()
            || self.callbacks.contains(&"on_event")
            || shared.aggregates.iter().any(|it| shared.samples(&**it))
    }

    /// Says that events are sampled.
    pub fn sample(&mut self, sample: Sample) {
        self.shared.borrow_mut().sample = Some(sample);
    }

    /// Bytes of data that it wants of an event, if more than was asked for.
    #[must_use]
    pub fn snaplen(&self) -> u32 {
        self.shared.borrow().snaplen
    }

    /// Says how many events were lost so far before any chisel could have them.
    pub fn set_lost(&mut self, lost: u64) {
        self.lost = lost;
    }

    /// Events so far that its tables had no room for.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let shared = self.shared.borrow();
        let tallies = shared.tallies.iter().map(|table| table.lost());
        shared.aggregates.iter().map(|it| it.lost()).chain(tallies).sum()
    }

    /// Folders in which it makes files.
    #[must_use]
    pub fn folders(&self) -> Vec<PathBuf> {
        self.shared.borrow().folders.iter().map(|folder| folder.path().to_owned()).collect()
    }

    /// Captures of what is around events, as far as they are marked.
    #[must_use]
    pub fn excerpts(&self) -> Vec<Excerpt> {
        self.shared.borrow().excerpts.clone()
    }

    /// Its interval in milliseconds.
    #[must_use]
    pub fn interval_ms(&self) -> Option<u64> {
        self.shared.borrow().interval_ms
    }

    /// The value of a variable of the script.
    pub(super) fn variable(&self, name: &str) -> Option<Dynamic> {
        self.this.read_lock::<Map>()?.get(name).cloned()
    }

    /// The field of a handle.
    pub(super) fn field(&self, handle: Handle) -> Option<FieldRef> {
        self.shared.borrow().fields.get(handle.0).cloned()
    }

    /// Whether the script says what stands for a field when an event has none.
    pub(super) fn has_default(&self, handle: Handle) -> bool {
        self.shared.borrow().others.get(handle.0).is_some_and(|other| !other.is_unit())
    }

    /// Whether all events that its filter lets through have the field, by what the filter itself asks.
    pub(super) fn asks_for(&self, field: &FieldRef, nothing: &Context<'_>) -> bool {
        self.shared.borrow().filter.as_ref().is_some_and(|filter| filter.asks_for(field, nothing))
    }

    /// The columns of its tables, and whether they are sorted by the one that the user named.
    #[must_use]
    pub fn sorted(&self) -> (Vec<String>, bool) {
        let shared = self.shared.borrow();
        (shared.columns.clone(), shared.is_sorted)
    }

    /// Where it prints.
    #[must_use]
    pub fn page(&self) -> Page {
        self.shared.borrow().env.page.clone()
    }

    /// Where the script comes from.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.source.origin
    }

    /// Whether the script has called `stop`, or its lists were printed and it has nothing else.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.shared.borrow().done
    }
}

/// The functions of the script that the engine calls. One that looks like it and is not is a mistake.
fn callbacks(source: &Source, ast: &AST) -> Result<Vec<&'static str>, ChiselError> {
    let mut found = Vec::new();
    for function in ast.iter_functions().filter(|function| function.name.starts_with("on_")) {
        let name = function.name;
        let Some((known, count)) = CALLBACKS.iter().find(|(known, _)| *known == name) else {
            let mut error = ChiselError::new(&source.origin, format!("function '{name}' is never called"));
            let names = CALLBACKS.iter().map(|(name, _)| *name);
            error.hint = nearest(name, names).map(|name| format!("did you mean '{name}'?"));
            return Err(error.or_in_function(&source.text, name));
        };
        if function.params.len() != *count {
            let cause =
                format!("function '{name}' has {} parameters but is called with {count}", function.params.len());
            return Err(ChiselError::new(&source.origin, cause).or_in_function(&source.text, name));
        }
        found.push(*known);
    }
    Ok(found)
}

mod intervals;
#[cfg(test)]
mod tests;
