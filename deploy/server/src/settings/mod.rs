//! All settings of the process: defaults, then `stormglass.toml`, then the environment, then flags.
//!
//! Each crate owns its settings and their defaults; here they are composed, read once, checked and
//! handed down. Nobody else reads the environment. Every mistake is reported with its place and with
//! what would be right, all of them at once.

mod extract;
mod file;
mod input;
mod keys;

pub(crate) use input::{Input, duration};
pub(crate) use keys::KEYS;

use api::{OperationSettings, PingSecrets};
use engine::failpoint::Failpoint;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tables::build::ExtractRule;

/// Addresses of the three ports.
#[derive(Clone, Debug)]
pub(crate) struct Listen {
    pub(crate) otlp_grpc: SocketAddr,
    pub(crate) otlp_http: SocketAddr,
    pub(crate) http: SocketAddr,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TlsFiles {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// Where Parquet files go; the local directory without a URL.
#[derive(Clone)]
pub(crate) struct ObjectStore {
    pub(crate) url: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) region: String,
    pub(crate) access_key: Option<String>,
    pub(crate) secret_key: Option<String>,
    pub(crate) allow_http: bool,
    pub(crate) path_style: bool,
}

impl fmt::Debug for ObjectStore {
    /// Without the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStore").field("url", &self.url).field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Operations {
    pub(crate) request_id_keys: Vec<String>,
    pub(crate) business_keys: Vec<String>,
    pub(crate) extract: Vec<ExtractRule>,
    pub(crate) trace_context_keys: Vec<String>,
    pub(crate) deadlines: Vec<(String, Duration)>,
    pub(crate) deadline: Duration,
    pub(crate) ping_secrets: PingSecrets,
}

impl Operations {
    /// What reading needs to know.
    pub(crate) fn reading(&self) -> OperationSettings {
        OperationSettings {
            business_keys: self.business_keys.clone(),
            trace_context_keys: self.trace_context_keys.clone(),
            deadlines: self.deadlines.clone(),
            deadline: self.deadline,
            ping_secrets: self.ping_secrets.clone(),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Alerting {
    pub(crate) watch: watch::Settings,
    /// Where people reach this server; its own address where nothing is said.
    pub(crate) external_url: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) level: String,
    pub(crate) json: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) listen: Listen,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) insecure_plaintext: bool,
    /// Nobody yet: closed until the first administrator is made with a secret that is printed.
    pub(crate) setup: bool,
    pub(crate) net: crate::net::Settings,
    pub(crate) receive: receive::Settings,
    pub(crate) access: access::Settings,
    pub(crate) engine: engine::Settings,
    pub(crate) reconcile: crate::reconcile::Settings,
    pub(crate) object_store: ObjectStore,
    /// Paths in it are filled in by [`Settings::data_dir`] at wiring.
    pub(crate) query: client::Settings,
    pub(crate) operations: Operations,
    pub(crate) alerting: Alerting,
    /// What the catalog file says.
    pub(crate) catalog: api::CatalogFile,
    pub(crate) log: Log,
}

/// What the protocol's order of precedence begins with; further keys come after.
const REQUEST_ID_KEYS: [&str; 3] = ["request.id", "http.request.header.x-request-id", "user_req_id"];
const BUSINESS_KEYS: [&str; 8] =
    ["order.id", "user.id", "member.id", "sku.id", "store.id", "tenant.id", "coupon.id", "payment.id"];

impl Default for Settings {
    fn default() -> Self {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let here = PathBuf::from("./stormglass-data");
        let nowhere = client::StoreLocation::Local { parquet: PathBuf::new(), replaced: PathBuf::new() };
        Self {
            data_dir: here.clone(),
            listen: Listen { otlp_grpc: local(4317), otlp_http: local(4318), http: local(8080) },
            tls: None,
            insecure_plaintext: false,
            setup: false,
            net: crate::net::Settings::default(),
            receive: receive::Settings::default(),
            access: access::Settings::default(),
            engine: engine::Settings::new(here),
            reconcile: crate::reconcile::Settings::default(),
            object_store: ObjectStore {
                url: None,
                endpoint: None,
                region: "us-east-1".into(),
                access_key: None,
                secret_key: None,
                allow_http: false,
                path_style: true,
            },
            query: client::Settings::new("/proc/self/exe".into(), PathBuf::new(), nowhere),
            operations: Operations {
                request_id_keys: vec![],
                business_keys: BUSINESS_KEYS.map(String::from).into(),
                extract: vec![],
                trace_context_keys: vec![],
                deadlines: vec![],
                deadline: Duration::from_secs(3_600),
                ping_secrets: PingSecrets::default(),
            },
            alerting: Alerting::default(),
            catalog: api::CatalogFile::default(),
            log: Log { level: "info".into(), json: false },
        }
    }
}

impl Settings {
    /// The full ordered list of attributes that a request id is read from.
    pub(crate) fn request_id_keys(&self) -> Vec<String> {
        let mut keys = REQUEST_ID_KEYS.map(String::from).to_vec();
        keys.extend(self.operations.request_id_keys.iter().filter(|k| !REQUEST_ID_KEYS.contains(&k.as_str())).cloned());
        keys
    }
}

/// One mistake in the settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SettingsError {
    pub(crate) place: String,
    pub(crate) problem: String,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// A setting as somebody gave it.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) name: String,
    pub(crate) place: String,
    pub(crate) input: Input,
}

/// Where settings come from, weakest first.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// What a command would rather have than the product's default.
    pub(crate) usual: Vec<(&'static str, Input)>,
    /// Name to show, and text.
    pub(crate) file: Option<(String, String)>,
    pub(crate) environment: Vec<(String, String)>,
    /// Setting, flag, value.
    pub(crate) flags: Vec<(&'static str, &'static str, Input)>,
}

impl Sources {
    /// Reads the file that was named, or `stormglass.toml` in the working directory where there is one.
    pub(crate) fn read(config: Option<&Path>) -> Result<Self, Vec<SettingsError>> {
        let path = config.unwrap_or(Path::new("stormglass.toml"));
        let file = match std::fs::read_to_string(path) {
            Ok(text) => Some((path.display().to_string(), text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && config.is_none() => None,
            Err(error) => {
                return Err(vec![SettingsError { place: path.display().to_string(), problem: error.to_string() }]);
            }
        };
        Ok(Self { file, environment: std::env::vars().collect(), ..Self::default() })
    }

    /// What the file and the environment say, by setting; of two, the stronger. A file that does not read says
    /// nothing.
    pub(crate) fn said(&self) -> BTreeMap<String, Input> {
        let file = self.file.iter().flat_map(|(name, text)| file::given(name, text).unwrap_or_default());
        let all = file.chain(file::from_environment(self.environment.clone()));
        all.map(|given| (given.name, given.input)).collect()
    }

    /// Composes the settings, or lists all that is wrong.
    pub(crate) fn settings(self) -> Result<Settings, Vec<SettingsError>> {
        let mut errors = Vec::new();
        let usual = self.usual.into_iter();
        let mut given: Vec<Given> = usual
            .map(|(name, input)| Given { name: name.to_owned(), place: "default of this command".into(), input })
            .collect();
        if let Some((name, text)) = &self.file {
            match file::given(name, text) {
                Ok(found) => given.extend(found),
                Err(error) => errors.push(error),
            }
        }
        let failpoint = self.environment.iter().find(|(name, _)| name == "STORMGLASS_FAILPOINT").cloned();
        given.extend(file::from_environment(self.environment));
        given.extend(self.flags.into_iter().map(|(name, flag, input)| Given {
            name: name.to_owned(),
            place: format!("flag {flag}"),
            input,
        }));
        let mut settings = Settings::default();
        for given in given {
            if let Err(problem) = apply(&mut settings, &given) {
                errors.push(SettingsError { place: given.place, problem });
            }
        }
        if let Some((name, text)) = failpoint {
            settings.engine.failpoint = Failpoint::aborting(&text);
            if settings.engine.failpoint.is_none() {
                errors.push(SettingsError { place: name, problem: no_such_failpoint(&text) });
            }
        }
        errors.extend(contradictions(&settings));
        settings.engine.data_dir.clone_from(&settings.data_dir);
        // Replaced files must outlive every query that may still read them.
        settings.engine.compaction.replaced_keep = settings.query.timeout_max + std::time::Duration::from_secs(60);
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }
}

/// Settings of which a running server takes a new value.
const RELOADED: [&str; 1] = ["log.level"];

/// Settings that say something else than before and wait for a restart.
pub(crate) fn need_restart(before: &BTreeMap<String, Input>, after: &BTreeMap<String, Input>) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    changed.filter(|name| !RELOADED.contains(&name.as_str())).cloned().collect()
}

/// What is promised under a name and is not in this version, and what to do instead.
pub(crate) const NOT_HERE: [(&str, &str); 2] = [
    (
        "listen.postgres",
        "this version does not speak PostgreSQL's protocol: ask by POST /api/v1/sql or `stormglass sql`",
    ),
    ("listen.flight", "this version does not speak Arrow Flight SQL: POST /api/v1/sql answers with format arrow"),
];

fn no_such_failpoint(text: &str) -> String {
    let known: Vec<_> = engine::failpoint::ALL.iter().map(|place| place.as_str()).collect();
    format!("{text:?} is no failpoint; known: {}", known.join(", "))
}

fn apply(settings: &mut Settings, given: &Given) -> Result<(), String> {
    if let Some((name, instead)) = NOT_HERE.iter().find(|(name, _)| *name == given.name) {
        return Err(format!("{name}: {instead}"));
    }
    match KEYS.iter().find(|key| key.name == given.name) {
        Some(key) => (key.set)(settings, &given.input).map_err(|problem| format!("{}: {problem}", given.name)),
        None => Err(match api::nearest(&given.name, KEYS.iter().map(|key| key.name)) {
            Some(near) => format!("{:?} is not a setting: did you mean {near:?}?", given.name),
            None => format!("{:?} is not a setting; `stormglass check-config --list` shows all", given.name),
        }),
    }
}

/// What each value allows, and all together do not.
fn contradictions(settings: &Settings) -> Vec<SettingsError> {
    let mut errors = Vec::new();
    let mut say = |place: &str, problem: String| errors.push(SettingsError { place: place.into(), problem });
    if let Some(tls) = &settings.tls
        && (tls.cert.as_os_str().is_empty() || tls.key.as_os_str().is_empty())
    {
        say("tls", "tls.cert and tls.key belong together: set both".into());
    }
    if settings.query.timeout_default > settings.query.timeout_max {
        say("query", "timeout_default is longer than timeout_max".into());
    }
    if settings.object_store.url.is_none() && settings.object_store.endpoint.is_some() {
        say("object_store", "endpoint is set, and url is not: set url to s3://BUCKET".into());
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str, environment: &[(&str, &str)], flags: Vec<(&'static str, &'static str, Input)>) -> Sources {
        Sources {
            file: Some(("stormglass.toml".into(), text.into())),
            environment: environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            flags,
            usual: Vec::new(),
        }
    }

    fn errors(text: &str) -> Vec<String> {
        sources(text, &[], vec![]).settings().unwrap_err().iter().map(SettingsError::to_string).collect()
    }

    #[test]
    fn a_changed_setting_that_waits_for_a_restart_is_named() {
        let said = |text: &str, environment: &[(&str, &str)]| sources(text, environment, vec![]).said();
        let before = said("[store]\nflush_rows = 5\n[log]\nlevel = \"info\"\n", &[("STORMGLASS_NET__DRAIN", "1s")]);
        assert_eq!(need_restart(&before, &before), Vec::<String>::new());
        let after = said("[store]\nflush_rows = 6\n[log]\nlevel = \"debug\"\n[net]\ndrain = \"9s\"\n", &[]);
        assert_eq!(need_restart(&before, &after), ["net.drain", "store.flush_rows"]);
        let same = said("[store]\nflush_rows = 5\n[net]\ndrain = \"9s\"\n", &[("STORMGLASS_NET__DRAIN", "1s")]);
        assert_eq!(need_restart(&before, &same), Vec::<String>::new(), "the environment is stronger");
    }

    #[test]
    fn what_is_not_in_this_version_is_said_and_what_to_do_instead() {
        for (name, _) in NOT_HERE {
            let (section, key) = name.split_once('.').unwrap();
            let found = errors(&format!("[{section}]\n{key} = \"127.0.0.1:5433\"\n"));
            assert!(found.len() == 1 && found[0].contains("this version does not"), "{found:?}");
            assert!(KEYS.iter().all(|known| known.name != name), "{name} is here after all");
        }
    }

    #[test]
    fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
        let text = "data_dir = \"/file\"\n[listen]\nhttp = \"127.0.0.1:1\"\notlp_http = \"127.0.0.1:2\"\n";
        let environment = [("STORMGLASS_DATA_DIR", "/environment"), ("STORMGLASS_LISTEN__HTTP", "127.0.0.1:3")];
        let flag = ("data_dir", "--data-dir", Input::Text("/flag".into()));
        let settings = sources(text, &environment, vec![flag]).settings().unwrap();
        assert_eq!(settings.data_dir, Path::new("/flag"));
        assert_eq!(settings.engine.data_dir, Path::new("/flag"));
        assert_eq!(settings.listen.http.port(), 3);
        assert_eq!(settings.listen.otlp_http.port(), 2);
        assert_eq!(settings.listen.otlp_grpc.port(), 4317);
    }

    #[test]
    fn what_a_command_would_rather_have_gives_way_to_whatever_is_said() {
        let hold = |text: &str| {
            let usual = vec![("alerting.keep_firing", Input::Text("20s".into()))];
            Sources { usual, ..sources(text, &[], vec![]) }.settings().unwrap().alerting.watch.keep_firing
        };
        assert_eq!(hold(""), Duration::from_secs(20));
        assert_eq!(hold("[alerting]\nkeep_firing = \"2m\"\n"), Duration::from_secs(120));
        assert_eq!(Settings::default().alerting.watch.keep_firing, Duration::from_secs(300));
    }

    #[test]
    fn every_mistake_is_told_with_its_place_and_what_would_be_right() {
        let text = "[listen]\nhttp = \"8080\"\nhtpp = \"x\"\n\n[store]\ndurability = \"never\"\n[zebra]\nstripes = 3\n";
        let errors = errors(text);
        for (at, part) in [
            (0, "stormglass.toml:2:1: listen.http: \"8080\" is not an address: write IP:PORT"),
            (1, "stormglass.toml:3:1: \"listen.htpp\" is not a setting: did you mean \"listen.http\"?"),
            (2, "stormglass.toml:6:1: store.durability: \"never\" is not one of \"fsync\", \"os\", \"none\""),
            (3, "stormglass.toml:8:1: \"zebra.stripes\" is not a setting"),
        ] {
            assert!(errors[at].starts_with(part), "{}", errors[at]);
        }
        assert_eq!(errors.len(), 4);
    }

    #[test]
    fn a_misspelt_variable_is_refused_too() {
        let errors = sources("", &[("STORMGLASS_LISTEN__HTPP", "127.0.0.1:1")], vec![]).settings().unwrap_err();
        assert_eq!(errors[0].place, "environment variable STORMGLASS_LISTEN__HTPP");
        assert!(errors[0].problem.contains("did you mean \"listen.http\"?"), "{}", errors[0]);
    }

    #[test]
    fn values_that_contradict_each_other_are_refused() {
        assert!(errors("[tls]\ncert = \"c.pem\"\n")[0].contains("belong together"));
        assert!(errors("[query]\ntimeout_default = \"10m\"\n")[0].contains("longer than timeout_max"));
        assert!(errors("[object_store]\nendpoint = \"http://127.0.0.1:9000\"\n")[0].contains("set url to s3://BUCKET"));
    }

    #[test]
    fn request_id_keys_come_in_the_order_of_the_contract() {
        let text = "[operations]\nrequest_id_keys = [\"app.request.id\", \"request.id\"]\n";
        let keys = sources(text, &[], vec![]).settings().unwrap().request_id_keys();
        assert_eq!(keys, ["request.id", "http.request.header.x-request-id", "user_req_id", "app.request.id"]);
    }

    #[test]
    fn every_setting_says_what_it_is_and_stands_once() {
        for (at, key) in KEYS.iter().enumerate() {
            assert!(!key.about.is_empty() && !key.about.ends_with('.'), "{}", key.name);
            assert!(KEYS[..at].iter().all(|other| other.name != key.name), "{}", key.name);
        }
    }

    #[test]
    fn debug_text_of_settings_shows_no_secret() {
        let environment =
            [("STORMGLASS_OBJECT_STORE__SECRET_KEY", "canary-7361"), ("STORMGLASS_OBJECT_STORE__URL", "s3://b")];
        let settings = sources("", &environment, vec![]).settings().unwrap();
        assert_eq!(settings.object_store.secret_key.as_deref(), Some("canary-7361"));
        assert!(!format!("{settings:?}").contains("canary"));
    }
}
