//! The engine as the interface sees it: questions go in, messages come out.

use std::{
    fmt,
    sync::{Arc, mpsc::Sender},
};

use super::app::Msg;
use crate::{
    output::Frame,
    view::{Ask, Counts, Publish},
};

/// What answers questions.
pub trait Engine {
    /// From here on it may send messages.
    fn begin(&mut self, send: Sender<Msg>);

    /// Takes the question of that number; the one before is over.
    fn ask(&mut self, number: u64, ask: Ask);

    /// Reads no further: of a capture, what was read so far is what the question is about.
    fn stop_reading(&mut self) {}

    /// Finds the fields of the event of that number, with that question: of a capture, whose events can be read again.
    fn find(&mut self, number: String, ask: Ask) {
        let _ = (number, ask);
    }

    /// What the kernel does for a question; nothing when there is none.
    fn explain(&mut self, ask: Ask) -> Vec<String> {
        let _ = ask;
        Vec::new()
    }

    /// Looks whether something was answered.
    fn look(&mut self) {}

    /// Ends it. What it failed with is returned.
    fn end(&mut self) -> Option<String>;
}

/// Where frames of a question go.
#[derive(Clone)]
pub struct Link {
    /// Its number.
    pub number: u64,
    /// To whom.
    pub send: Sender<Msg>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Link {
    /// Frames as messages. Nobody waits for whoever draws them.
    #[must_use]
    pub fn publish(self) -> Publish {
        Box::new(move |frame: Frame, counts: Option<Counts>| {
            // Whoever has quit needs none.
            let _ = self.send.send(Msg::Frame(self.number, Arc::new(frame)));
            if let Some(Counts { seen, lost }) = counts {
                let _ = self.send.send(Msg::Counted { seen, lost });
            }
            Ok(())
        })
    }
}
