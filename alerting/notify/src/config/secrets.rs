//! The secrets of a configuration: kept when an update shows them masked, written only for the store.

use super::{Config, Receiver};
use crate::secret::Secret;
use serde_json::Value;

impl Receiver {
    /// Each secret with its path below the receiver.
    fn secrets(&mut self) -> Vec<(String, &mut Secret)> {
        let mut found = Vec::new();
        if let Some(channel) = &mut self.dingtalk {
            found.push(("/dingtalk/url".to_owned(), &mut channel.url));
            found.extend(channel.secret.as_mut().map(|s| ("/dingtalk/secret".to_owned(), s)));
        }
        if let Some(channel) = &mut self.feishu {
            found.push(("/feishu/url".to_owned(), &mut channel.url));
            found.extend(channel.secret.as_mut().map(|s| ("/feishu/secret".to_owned(), s)));
        }
        if let Some(channel) = &mut self.wecom {
            found.push(("/wecom/url".to_owned(), &mut channel.url));
        }
        if let Some(channel) = &mut self.slack {
            found.extend(channel.url.as_mut().map(|s| ("/slack/url".to_owned(), s)));
            found.extend(channel.token.as_mut().map(|s| ("/slack/token".to_owned(), s)));
        }
        if let Some(channel) = &mut self.teams {
            found.push(("/teams/url".to_owned(), &mut channel.url));
        }
        if let Some(channel) = &mut self.webhook {
            found.push(("/webhook/url".to_owned(), &mut channel.url));
            found.extend(channel.secret.as_mut().map(|s| ("/webhook/secret".to_owned(), s)));
            found.extend(channel.bearer.as_mut().map(|s| ("/webhook/bearer".to_owned(), s)));
            for (name, secret) in &mut channel.headers {
                let name = name.replace('~', "~0").replace('/', "~1");
                found.push((format!("/webhook/headers/{name}"), secret));
            }
        }
        if let Some(channel) = &mut self.email {
            found.extend(channel.password.as_mut().map(|s| ("/email/password".to_owned(), s)));
        }
        found
    }
}

impl Config {
    fn secrets(&mut self) -> Vec<(String, &mut Secret)> {
        let mut found = Vec::new();
        for (index, receiver) in self.receivers.iter_mut().enumerate() {
            found.extend(receiver.secrets().into_iter().map(|(path, s)| (format!("/receivers/{index}{path}"), s)));
        }
        found.extend(self.deadman.as_mut().map(|deadman| ("/deadman/url".to_owned(), &mut deadman.url)));
        found
    }

    /// The configuration with its secrets in clear, for the store and nowhere else.
    pub fn stored(&self) -> Value {
        let mut tree = serde_json::to_value(self).unwrap_or_default();
        for (path, secret) in self.clone().secrets() {
            if let Some(place) = tree.pointer_mut(&path) {
                *place = Value::from(secret.reveal());
            }
        }
        tree
    }

    /// Takes over the secrets of the configuration before, wherever this one shows the mask: an operator who
    /// edits what was shown changes no secret. Receivers are the same by their name.
    pub fn keep_secrets(&mut self, before: &Config) {
        let mut before = before.clone();
        for receiver in &mut self.receivers {
            let Some(old) = before.receivers.iter_mut().find(|old| old.name == receiver.name) else { continue };
            let old = old.secrets();
            for (path, secret) in receiver.secrets().into_iter().filter(|(_, secret)| secret.is_masked()) {
                if let Some((_, kept)) = old.iter().find(|(old_path, _)| *old_path == path) {
                    *secret = (**kept).clone();
                }
            }
        }
        if let (Some(deadman), Some(old)) = (&mut self.deadman, before.deadman)
            && deadman.url.is_masked()
        {
            deadman.url = old.url;
        }
    }

    /// Paths of secrets that are the mask itself: nobody can sign with it.
    pub(crate) fn masked(&self) -> Vec<String> {
        let mut copy = self.clone();
        copy.secrets().into_iter().filter(|(_, secret)| secret.is_masked()).map(|(path, _)| path).collect()
    }
}
