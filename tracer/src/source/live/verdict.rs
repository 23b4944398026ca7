//! What predicates ask of cgroups: answers for the kernel side, as containers come and go.

use std::time::{Duration, Instant};

use aya::{
    Ebpf,
    maps::{HashMap, MapData},
};
use rustc_hash::FxHashMap;
use tracer_common::{config::TURNS, events::io};

use super::LiveError;
use crate::{
    event::Event,
    fields::{Context, Times},
    filter::kernel::Question,
    state::{ContainerKey, State},
};

/// So long an answer may be old when nothing seems to have changed.
const AGE: Duration = Duration::from_millis(500);

/// A bit for each question of each turn.
type Answers = [u64; TURNS];

/// Questions and their answers. A cgroup without an answer passes.
pub struct Verdicts {
    /// Those of each turn.
    questions: [Vec<Question>; TURNS],
    answers: HashMap<MapData, u64, Answers>,
    written: FxHashMap<u64, Answers>,
    /// How often containers had changed at the last look, and when that was.
    seen: Option<(u64, Instant)>,
}

impl Verdicts {
    /// Takes the map out of the object.
    ///
    /// # Errors
    /// It is not there.
    pub fn new(bpf: &mut Ebpf, questions: Vec<Question>) -> Result<Self, LiveError> {
        let map = bpf.take_map("CGROUPS").ok_or(LiveError::Map("CGROUPS"))?;
        let answers = HashMap::try_from(map).map_err(|_| LiveError::Map("CGROUPS"))?;
        Ok(Self { questions: [questions, Vec::new()], answers, written: FxHashMap::default(), seen: None })
    }

    /// Asks these questions in that turn. Until they are answered all pass.
    pub fn ask(&mut self, turn: u32, questions: Vec<Question>) {
        let turn = turn as usize;
        if !questions.is_empty() {
            for (id, answers) in &mut self.written {
                answers[turn] = u64::MAX;
                let _ = self.answers.insert(id, *answers, 0);
            }
        }
        (self.questions[turn], self.seen) = (questions, None);
    }

    /// Answers for what is known now.
    pub fn follow(&mut self, state: &State) {
        if self.questions.iter().all(Vec::is_empty) {
            return;
        }
        let (generation, now) = (state.containers.generation(), Instant::now());
        let fresh = |(seen, when): (u64, Instant)| seen == generation && now.duration_since(when) < AGE;
        if self.seen.is_some_and(fresh) {
            return;
        }
        self.seen = Some((generation, now));
        let answers: FxHashMap<u64, Answers> = {
            let mut by_key: FxHashMap<ContainerKey, Answers> = FxHashMap::default();
            let cgroups = state.containers.settled_cgroups();
            // What is asked of its path is not the same for all cgroups of a container.
            let of_paths = self.questions.iter().flatten().any(Question::is_about_path);
            let mut answer = |id, key| {
                if of_paths {
                    self.answer(id, key, state)
                } else {
                    *by_key.entry(key).or_insert_with(|| self.answer(id, key, state))
                }
            };
            cgroups.map(|(id, key)| (id, answer(id, key))).collect()
        };
        for (id, answer) in &answers {
            // A full table costs speed only.
            if self.written.get(id) != Some(answer) && self.answers.insert(id, answer, 0).is_ok() {
                self.written.insert(*id, *answer);
            }
        }
        let gone: Vec<u64> = self.written.keys().filter(|id| !answers.contains_key(id)).copied().collect();
        for id in gone {
            let _ = self.answers.remove(&id);
            self.written.remove(&id);
        }
    }

    /// A bit for each question of each turn.
    fn answer(&self, cgroup: u64, key: ContainerKey, state: &State) -> Answers {
        let event = Event { cgroup, ..Event::empty(&io::READ) };
        let context = Context {
            event: &event,
            thread: None,
            fd: None,
            fd_out: None,
            container: key,
            state,
            times: Times::default(),
        };
        self.questions.each_ref().map(|questions| {
            let bits = questions.iter().enumerate().map(|(at, question)| u64::from(question.answer(&context)) << at);
            bits.fold(0, |bits, bit| bits | bit)
        })
    }
}
