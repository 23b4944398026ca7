//! Answers of JSON, read object by object while they come: one of limited length, a list of limited time, length and number.

use super::{
    Metadata,
    api::{Listed, Teller},
    ask::{MAX_ANSWER_MIB, MAX_ROWS, Row, Told},
    client::{MAX_LIST_MIB, MAX_LISTED},
    cut::{Cutter, Form},
    endpoint::EndpointError,
    http::{self, HttpError},
    pace::Pace,
    way::Way,
};

/// The most bytes of an answer about one thing, MiB.
const MAX_SINGLE_MIB: usize = 2;

/// Reads an answer about one thing.
pub(super) async fn read(
    way: &Way,
    pace: &Pace,
    path: &str,
    mut visit: impl FnMut(&[u8]),
) -> Result<(), EndpointError> {
    let mut body = http::get(way, path).await?;
    let mut cutter = Cutter::new(Form::Sequence);
    let mut left = MAX_SINGLE_MIB << 20;
    while let Some(piece) = body.next().await? {
        left = left.checked_sub(piece.len()).ok_or(HttpError::Long(MAX_SINGLE_MIB))?;
        pace.bytes(piece.len()).await;
        cutter.push(&piece, &mut visit).map_err(HttpError::Cut)?;
    }
    Ok(())
}

/// Hands over the containers of a list as they come, and returns the ids of those that run. `said` is what an object of the list
/// says, and whether that container runs.
pub(super) async fn hand_over(
    way: &Way,
    pace: &Pace,
    (path, form): (&str, Form),
    said: impl Fn(&[u8]) -> Option<(Box<Metadata>, bool)>,
    id: impl Fn(&Metadata) -> String,
    teller: &Teller,
) -> Result<Listed, EndpointError> {
    let mut body = http::get(way, path).await?;
    let mut cutter = Cutter::new(form);
    let (mut listed, mut told) = (Listed::default(), 0);
    let mut left = MAX_LIST_MIB << 20;
    while let Some(piece) = body.next().await?
        && !cutter.is_done()
    {
        let mut all = Vec::new();
        pace.bytes(piece.len()).await;
        cutter.push(&piece, &mut |object| all.push(said(object))).map_err(HttpError::Cut)?;
        pace.values(all.len()).await;
        for (metadata, runs) in all.into_iter().flatten() {
            if told == MAX_LISTED {
                break;
            }
            told += 1;
            if runs {
                listed.ids.push(id(&metadata));
            }
            teller.listed(metadata).await;
        }
        left = left.saturating_sub(piece.len());
        if told == MAX_LISTED || left == 0 {
            listed.is_cut = true;
            break;
        }
    }
    Ok(listed)
}

/// The rows of a list, the first ones of very many.
pub(super) async fn rows(
    way: &Way,
    pace: &Pace,
    (path, form): (&str, Form),
    make: impl Fn(&[u8]) -> Option<Row>,
) -> Result<Told, EndpointError> {
    let mut body = http::get(way, path).await?;
    let mut cutter = Cutter::new(form);
    let mut told = Told::default();
    let mut left = MAX_ANSWER_MIB << 20;
    while let Some(piece) = body.next().await?
        && !cutter.is_done()
    {
        pace.bytes(piece.len()).await;
        let before = told.rows.len();
        cutter.push(&piece, &mut |object| told.rows.extend(make(object))).map_err(HttpError::Cut)?;
        pace.values(told.rows.len() - before).await;
        left = left.saturating_sub(piece.len());
        if told.rows.len() >= MAX_ROWS || left == 0 {
            told.rows.truncate(MAX_ROWS);
            told.is_cut = true;
            break;
        }
    }
    told.is_cut |= cutter.skipped() > 0;
    Ok(told)
}
