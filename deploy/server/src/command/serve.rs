//! `stormglass serve`.

use crate::cli::{Local, Role, Serve};
use crate::settings::{Input, Settings, SettingsError, Sources};
use crate::{Failure, Outcome, app};

pub(super) fn run(args: Serve) -> Outcome {
    if args.role != Role::All {
        return Err(Failure::Usage(vec![
            "--role: this version does all the work in one process per machine; leave --role away, or say all".into(),
        ]));
    }
    let plaintext =
        args.insecure_plaintext.then_some(("access.insecure_plaintext", "--insecure-plaintext", Input::Bool(true)));
    let setup = args.setup.then_some(("access.setup", "--setup", Input::Bool(true)));
    let settings = settings(&args.local, plaintext.into_iter().chain(setup))?;
    app::serve(settings, args.local.config, None)
}

/// Settings from all sources, the flags of `local` and one more among them.
pub(super) fn settings(
    local: &Local,
    flag: impl IntoIterator<Item = (&'static str, &'static str, Input)>,
) -> Result<Settings, Failure> {
    settings_over(Vec::new(), local, flag)
}

/// The same over what this command would rather have than the product's defaults.
pub(super) fn settings_over(
    usual: Vec<(&'static str, Input)>,
    local: &Local,
    flag: impl IntoIterator<Item = (&'static str, &'static str, Input)>,
) -> Result<Settings, Failure> {
    let mut sources = Sources { usual, ..Sources::read(local.config.as_deref()).map_err(usage)? };
    if let Some(dir) = &local.data_dir {
        sources.flags.push(("data_dir", "--data-dir", Input::Text(dir.clone())));
    }
    sources.flags.extend(flag);
    sources.settings().map_err(usage)
}

pub(super) fn usage(errors: Vec<SettingsError>) -> Failure {
    Failure::Usage(errors.iter().map(SettingsError::to_string).collect())
}
