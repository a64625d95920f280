//! `stormglass user`: works on the data directory itself; a running server notices within seconds.

use super::serve::settings;
use super::token::{open, open_made, refused, when};
use crate::cli::{Local, User, UserAction, UserAdd, UserPasswd};
use crate::telemetry::{complain, say};
use crate::{Failure, Outcome};
use access::{NewPerson, Password, Role};
use anyhow::{Context, anyhow};
use console::Term;
use metastore::UserRow;
use model::Workspace;
use std::io::{IsTerminal, Read};

/// Longest input that is read for a password; what is longer is none.
const INPUT_BYTES_MAX: u64 = 4_096;

pub(super) async fn run(args: User) -> Outcome {
    match args.action {
        UserAction::Add(args) => add(args).await,
        UserAction::List(local) => list(&local).await,
        UserAction::Passwd(args) => passwd(args).await,
    }
}

async fn add(args: UserAdd) -> Outcome {
    let settings = settings(&args.local, None)?;
    let workspace = Workspace::new(&args.workspace).map_err(|e| Failure::Usage(vec![format!("--workspace: {e}")]))?;
    let role = Role::parse(&args.role).map_err(|e| Failure::Usage(vec![format!("--role: {e}")]))?;
    let name = access::user_name(&args.name).map_err(refused)?;
    let password = asked(&name)?;
    let (store, access) = open(&settings).await?;
    let user = access.add_user(NewPerson { name, password, role, workspace }).await.map_err(refused)?;
    let detail = format!("user {:?}, {}", user.name, user.role);
    access.record_command("user add", &user.workspace, &detail).await.map_err(refused)?;
    store.close().await;
    say(&format!("added {} ({}, workspace {})", user.name, user.role, user.workspace));
    Ok(())
}

async fn list(local: &Local) -> Outcome {
    let (store, access) = open_made(&settings(local, None)?).await?;
    let users = access.users().await.map_err(refused)?;
    say("NAME                  ROLE      WORKSPACE   CREATED               PASSWORD OF           LAST SIGN-IN");
    for user in &users {
        say(&described(user));
    }
    store.close().await;
    Ok(())
}

fn described(user: &UserRow) -> String {
    let (created, changed, last) = (when(Some(user.created)), when(Some(user.password_changed)), when(user.last_login));
    let (name, role, workspace) = (&user.name, &user.role, user.workspace.as_str());
    format!("{name:20}  {role:8}  {workspace:10}  {created:20}  {changed:20}  {last}")
}

async fn passwd(args: UserPasswd) -> Outcome {
    let (store, access) = open_made(&settings(&args.local, None)?).await?;
    let user = access.user(&args.name).await.map_err(refused)?;
    let user = access.set_password(&user, asked(&user.name)?).await.map_err(refused)?;
    let detail = format!("user {:?}", user.name);
    access.record_command("user passwd", &user.workspace, &detail).await.map_err(refused)?;
    store.close().await;
    say(&format!("changed the password of {}; all sessions have ended", user.name));
    Ok(())
}

/// The password: asked for twice and unseen on a terminal, else the first line of standard input. Never an
/// argument, which everybody on the machine could read.
fn asked(name: &str) -> Result<Password, Failure> {
    let text = if std::io::stdin().is_terminal() { typed(name)? } else { piped(std::io::stdin().lock())? };
    let password = Password::new(text);
    match password.weakness(name) {
        Some(weakness) => Err(Failure::Usage(vec![weakness])),
        None => Ok(password),
    }
}

fn typed(name: &str) -> Result<String, Failure> {
    let unseen = |question: &str| {
        complain(question);
        Term::stderr().read_secure_line().context("the terminal cannot be read")
    };
    let first = unseen(&format!("Password of {name}:"))?;
    let again = unseen("Once more:")?;
    if first != again {
        return Err(Failure::Usage(vec!["these are two different passwords".into()]));
    }
    Ok(first)
}

fn piped(input: impl Read) -> Result<String, Failure> {
    let mut text = String::new();
    input.take(INPUT_BYTES_MAX).read_to_string(&mut text).context("standard input cannot be read as text")?;
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(line) => Ok(line.to_owned()),
        None => Err(Failure::Failed(anyhow!("no password came on standard input"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metastore::{PasswordText, UserId};
    use model::UnixNanos;

    #[test]
    fn a_password_is_the_first_line_of_what_is_piped_in() {
        for (input, line) in
            [("correct horse\n", "correct horse"), ("a b\r\nc", "a b"), (" spaces count ", " spaces count ")]
        {
            assert_eq!(piped(input.as_bytes()).unwrap(), line);
        }
        for input in ["", "\n", "\nx"] {
            assert!(matches!(piped(input.as_bytes()), Err(Failure::Failed(_))), "{input:?}");
        }
    }

    #[test]
    fn a_line_of_the_list_tells_the_role_and_never_the_hash() {
        let at = UnixNanos(1_700_000_000 * UnixNanos::SECOND);
        let user = UserRow {
            id: UserId(1),
            name: "alice".into(),
            role: "admin".into(),
            workspace: Workspace::default(),
            password: PasswordText("$argon2id$canary".into()),
            epoch: 0,
            created: at,
            password_changed: at,
            last_login: None,
            removed: None,
        };
        let line = described(&user);
        assert!(line.contains("admin") && line.contains("2023-11-14T22:13:20Z") && line.ends_with("never"), "{line}");
        assert!(!line.contains("canary"));
    }
}
