//! Users: added, listed, changed, removed. Passwords come in and only hashes go further.

use crate::{Access, AccessError, Password, Role};
use metastore::{Among, Kept, NewUser, UserRow};
use model::Workspace;

/// Longest name of a user in bytes.
const NAME_BYTES_MAX: usize = 64;

/// A user to be added.
#[derive(Clone, Debug)]
pub struct NewPerson {
    pub name: String,
    pub password: Password,
    pub role: Role,
    pub workspace: Workspace,
}

/// A name as it is stored and compared: lower case, and nothing that could be taken for something else.
pub fn user_name(typed: &str) -> Result<String, AccessError> {
    let name = typed.trim().to_ascii_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
    let starts = name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if starts && name.len() <= NAME_BYTES_MAX && name.chars().all(fits) {
        return Ok(name);
    }
    Err(AccessError::Invalid(format!(
        "{typed:?} is no user name: 1 to {NAME_BYTES_MAX} of a-z, 0-9, '.', '_', '-', '@' and '+', starting with a letter or digit"
    )))
}

impl Access {
    /// Adds a user.
    ///
    /// # Errors
    /// `Invalid` for a name or password that is not good enough; `Conflict` for the first user of all when
    /// that is no administrator of the default workspace, because nobody could add another; `Metastore`
    /// (`Exists`, `Full`); `Busy`.
    pub async fn add_user(&self, person: NewPerson) -> Result<UserRow, AccessError> {
        let first = self.is_open();
        if first && (person.role != Role::Admin || person.workspace != Workspace::default()) {
            return Err(AccessError::Conflict(
                "the first user closes the door: make one with role admin in workspace default".into(),
            ));
        }
        self.add(person, Among::FewerThan(self.settings().users_max)).await
    }

    pub(crate) async fn add(&self, person: NewPerson, among: Among) -> Result<UserRow, AccessError> {
        let name = user_name(&person.name)?;
        let password = self.hashed(&name, person.password).await?;
        let role = person.role.as_str().to_owned();
        let user = NewUser { name, role, workspace: person.workspace, password, created: self.clock().now() };
        let row = self.store.users.create(user, among).await?;
        self.refresh().await?;
        Ok(row)
    }

    async fn hashed(&self, name: &str, password: Password) -> Result<metastore::PasswordText, AccessError> {
        match password.weakness(name) {
            Some(weakness) => Err(AccessError::Invalid(weakness)),
            None => self.counted(self.hasher.hash(password).await),
        }
    }

    /// All users who are not removed, by name.
    pub async fn users(&self) -> Result<Vec<UserRow>, AccessError> {
        let mut users = self.store.users.list().await?;
        users.retain(|user| user.removed.is_none());
        users.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(users)
    }

    /// The user of this name.
    ///
    /// # Errors
    /// `Missing` when there is none.
    pub async fn user(&self, name: &str) -> Result<UserRow, AccessError> {
        let wanted = name.trim().to_ascii_lowercase();
        let found = self.users().await?.into_iter().find(|user| user.name == wanted);
        found.ok_or_else(|| AccessError::Missing(format!("user {name:?}")))
    }

    /// Gives another role, from the user's next request on.
    ///
    /// # Errors
    /// `Missing`; `Metastore` (`Last`) for the last administrator of the node.
    pub async fn set_role(&self, user: &UserRow, role: Role) -> Result<UserRow, AccessError> {
        let changed = self.store.users.set_role(user.id, role.as_str(), kept(&Workspace::default())).await?;
        self.refresh().await?;
        changed.ok_or_else(|| AccessError::Missing(format!("user {:?}", user.name)))
    }

    /// Gives a new password; all sessions of the user end.
    ///
    /// # Errors
    /// `Invalid` for a weak one; `Missing`; `Busy`.
    pub async fn set_password(&self, user: &UserRow, password: Password) -> Result<UserRow, AccessError> {
        let password = self.hashed(&user.name, password).await?;
        let changed = self.store.users.set_password(user.id, &password, self.clock().now()).await?;
        self.forget_sessions(user.id);
        self.refresh().await?;
        changed.ok_or_else(|| AccessError::Missing(format!("user {:?}", user.name)))
    }

    /// Removes a user; all sessions end.
    ///
    /// # Errors
    /// `Missing`; `Metastore` (`Last`) for the last administrator of the node.
    pub async fn remove_user(&self, user: &UserRow) -> Result<(), AccessError> {
        let now = self.clock().now();
        let removed = self.store.users.remove(user.id, now, kept(&Workspace::default())).await?;
        self.forget_sessions(user.id);
        self.refresh().await?;
        removed.map(|_| ()).ok_or_else(|| AccessError::Missing(format!("user {:?}", user.name)))
    }
}

/// Without an administrator of the node nobody could make another.
fn kept(workspace: &Workspace) -> Kept<'_> {
    Kept { role: Role::Admin.as_str(), workspace }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_folded_and_cannot_be_taken_for_another() {
        for (typed, name) in [
            ("alice", Some("alice")),
            (" Alice ", Some("alice")),
            ("wang.wei@shop-1.example", Some("wang.wei@shop-1.example")),
            ("7", Some("7")),
            ("", None),
            ("-x", None),
            ("a b", None),
            ("a/b", None),
            ("аlice", None),
            ("a\u{200b}", None),
            (&"a".repeat(65), None),
        ] {
            assert_eq!(user_name(typed).ok().as_deref(), name, "{typed}");
        }
    }
}
