//! `stormglass check-config`: says whether a file is right, or lists all settings.

use super::serve::usage;
use crate::Outcome;
use crate::cli::CheckConfig;
use crate::settings::{KEYS, NOT_HERE, Sources};
use crate::telemetry::say;
use std::path::Path;

pub(super) fn run(args: CheckConfig) -> Outcome {
    if args.list {
        say(&listed());
        return Ok(());
    }
    let file = args.file.as_deref().unwrap_or(Path::new("stormglass.toml"));
    let settings = Sources::read(Some(file)).and_then(Sources::settings).map_err(usage)?;
    say(&format!("{} is right; data goes to {}", file.display(), settings.data_dir.display()));
    Ok(())
}

/// All settings as a file would have them, each said to be what it is.
fn listed() -> String {
    let mut out = String::new();
    let mut last = "";
    for key in KEYS {
        let (section, name) = key.name.split_once('.').unwrap_or(("", key.name));
        if section != last {
            out.push_str(&format!("\n[{section}]\n"));
            last = section;
        }
        out.push_str(&format!("# {name}: {}.\n", key.about));
    }
    out.push_str("\n# Not in this version:\n");
    for (name, instead) in NOT_HERE {
        out.push_str(&format!("# {name}: {instead}.\n"));
    }
    out.push_str("# serve --role: one process does all the work of a machine; there is no other role than all.\n");
    out.push_str(
        "# On SIGHUP log.level, the certificate, tokens and users are read again; all else needs a restart.\n",
    );
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_listed_in_its_section_once() {
        let listed = listed();
        for section in ["[listen]", "[store]", "[query]", "[operations]"] {
            assert_eq!(listed.matches(section).count(), 1, "{section}");
        }
        assert!(listed.starts_with("# data_dir: "));
        assert!(listed.contains("\n# durability: fsync, or the unsafe os"));
        assert!(listed.contains("\n# listen.postgres: this version does not") && listed.contains("\n# serve --role: "));
    }
}
