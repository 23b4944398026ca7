//! Events of LXD and Incus as they come, over WebSocket.

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::state::container::engine::{
    cut::{Cutter, Form},
    endpoint::EndpointError,
    frames::{Frames, Part, pong},
    http::{self, HttpError},
    pace::Pace,
    way::Way,
};

/// The path of the request for events.
const EVENTS: &str = "/1.0/events?type=lifecycle&all-projects=true";
/// What is read at a time, bytes.
const PIECE: usize = 16 << 10;

/// The stream.
pub(super) struct Stream {
    connection: TokioIo<Upgraded>,
    frames: Frames,
    cutter: Cutter,
    piece: Vec<u8>,
    is_over: bool,
}

impl Stream {
    pub(super) async fn begin(way: &Way) -> Result<Self, EndpointError> {
        let connection = http::follow(way, EVENTS).await?;
        let (frames, cutter) = (Frames::default(), Cutter::new(Form::Sequence));
        Ok(Self { connection, frames, cutter, piece: vec![0; PIECE], is_over: false })
    }

    /// What is made of the next events, perhaps of none; `None` when no more come. Questions whether somebody is there are answered.
    pub(super) async fn next<T>(
        &mut self,
        pace: &Pace,
        make: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Option<Vec<T>>, EndpointError> {
        if self.is_over {
            return Ok(None);
        }
        let count = self.connection.read(&mut self.piece).await.map_err(HttpError::Io)?;
        let (mut all, mut answers, mut is_over) = (Vec::new(), Vec::new(), count == 0);
        pace.bytes(count).await;
        let (cutter, mut cut) = (&mut self.cutter, Ok(()));
        let mut take = |part: Part<'_>| match part {
            Part::Data(data) if cut.is_ok() => cut = cutter.push(data, &mut |object| all.extend(make(object))),
            Part::Data(_) => {}
            Part::Ping(body) => answers.extend(pong(body)),
            Part::Close => is_over = true,
        };
        self.frames.push(&self.piece[..count], &mut take).map_err(HttpError::Frame)?;
        cut.map_err(HttpError::Cut)?;
        pace.values(all.len()).await;
        self.connection.write_all(&answers).await.map_err(HttpError::Io)?;
        self.is_over = is_over;
        Ok(Some(all))
    }
}
