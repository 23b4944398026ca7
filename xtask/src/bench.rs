//! stub
#[derive(clap::Args, Debug)]
pub(crate) struct Options {}
pub(crate) fn task(_: &Options) -> anyhow::Result<()> {
    Ok(())
}
