//! The plurals of a project's kinds: each belongs to a kind of a group, in all its versions.

use super::file::ProjectFile;
use super::gvk::Gvk;
use super::name::PluralError;
use super::resource::Resource;
use crate::manifests::definitions_beside;
use pintle_host::fs::Dir;
use serde_json::Value;
use std::path::Path;

impl ProjectFile {
    /// Finds the plurals in the project's definitions for kinds for which the file does not specify
    /// one: another tool, or an earlier release, may have formed `elfs` from `Elf`.
    pub(super) fn find_plurals(&mut self, root: &Path) {
        let Ok(dir) = Dir::open(root) else { return };
        let kinds: Vec<&Resource> =
            self.unsaid().map(|idx| &self.resources()[idx]).filter(|it| it.api.is_some()).collect();
        self.plurals = match kinds.is_empty() {
            true => Vec::new(),
            false => definitions_beside(&dir, &kinds),
        };
        self.set_plurals();
    }

    /// Sets the plurals that were found.
    pub(super) fn set_plurals(&mut self) {
        for idx in self.unsaid().collect::<Vec<_>>() {
            let resource = &mut self.content.resources[idx];
            let found = self.plurals.iter().find(|(gvk, _)| gvk.is_of_kind(resource.gvk()));
            let named = found.and_then(|it| resource.clone().with_plural(&it.1).ok());
            *resource = named.unwrap_or_else(|| resource.clone());
        }
    }

    /// Whether the plural of a resource is one that another tool or release would form.
    pub(crate) fn has_other_guess(&self, resource: &Resource) -> bool {
        let plain = format!("{}s", resource.gvk().kind().to_lowercase());
        resource.plural() == plain || self.plurals.iter().any(|it| it.0.is_of_kind(resource.gvk()))
    }

    /// Returns the indices of the resources for which the file does not specify a plural.
    fn unsaid(&self) -> impl Iterator<Item = usize> + use<> {
        let entries = self.values.get("resources").and_then(Value::as_array);
        let says =
            |it: &Value| it.get("plural").and_then(Value::as_str).is_some_and(|it| !it.is_empty());
        let said: Vec<bool> = entries.into_iter().flatten().map(says).collect();
        (0..self.resources().len()).filter(move |it| said.get(*it) == Some(&false))
    }

    /// Returns a resource of the same kind, of the same version if there is one.
    pub(crate) fn of_kind(&self, gvk: &Gvk) -> Option<&Resource> {
        self.resource(gvk).or_else(|| self.resources().iter().find(|it| it.gvk().is_of_kind(gvk)))
    }

    /// Checks the names of a resource against those of the project's other resources. In a cluster,
    /// the kinds of a group share one list of plurals and singulars.
    ///
    /// # Errors
    ///
    /// [`PluralError`] for the first resource that it contradicts.
    pub fn check_plural(&self, resource: &Resource) -> Result<(), PluralError> {
        let gvk = resource.gvk();
        let kind = || format!("{}/{}", gvk.qualified_group(), gvk.kind());
        let same_group = |it: &&Resource| it.gvk().qualified_group() == gvk.qualified_group();
        for other in self.resources().iter().filter(same_group) {
            if !other.gvk().is_of_kind(gvk) {
                if let Some(name) = names(resource).into_iter().find(|it| names(other).contains(it))
                {
                    let other = other.gvk().kind().to_owned();
                    return Err(PluralError::Taken { kind: kind(), name, other });
                }
            } else if other.plural() != resource.plural() {
                let (known, plural) = (other.plural().to_owned(), resource.plural().to_owned());
                return Err(PluralError::Known { kind: kind(), known, plural });
            }
        }
        Ok(())
    }
}

/// Returns the names that the resource has in requests.
fn names(resource: &Resource) -> [String; 2] {
    [resource.plural().to_owned(), resource.gvk().kind().to_lowercase()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captain(version: &str, kind: &str) -> Resource {
        Resource::new(Gvk::new("crew", "example.org", version, kind).unwrap())
    }

    /// Returns why a project with these resources does not accept another.
    fn refusal(known: &[Resource], new: &Resource) -> String {
        let mut project = ProjectFile::parse("version: \"3\"\n").unwrap();
        known.iter().for_each(|it| project.put_resource(it).unwrap());
        project.check_plural(new).map_or_else(|err| err.to_string(), |()| String::new())
    }

    #[test]
    fn a_kind_has_one_plural_in_all_versions() {
        let known = captain("v1", "Captain").with_plural("kapitane").unwrap();
        assert_eq!(
            refusal(std::slice::from_ref(&known), &captain("v2", "Captain")),
            "the plural of `crew.example.org/Captain` is `kapitane`, not `captains`: all versions \
             of a kind share it"
        );
        let same = captain("v2", "Captain").with_plural("kapitane").unwrap();
        assert_eq!(refusal(&[known], &same), "");
    }

    #[test]
    fn two_kinds_of_a_group_share_no_name() {
        let known = [captain("v1", "Datum"), captain("v1", "Person")];
        for (new, name, other) in [
            (captain("v1", "Data"), "data", "Datum"),
            (captain("v2", "PERSON"), "people", "Person"),
            (captain("v1", "People"), "people", "Person"),
            (captain("v1", "Cook").with_plural("person").unwrap(), "person", "Person"),
        ] {
            let kind = new.gvk().kind().to_owned();
            assert_eq!(
                refusal(&known, &new),
                format!(
                    "`crew.example.org/{kind}` cannot have the name `{name}`: the kind `{other}` \
                     of its group has it"
                )
            );
        }
        let elsewhere = Resource::new(Gvk::new("fleet", "example.org", "v1", "Data").unwrap());
        assert_eq!(refusal(&known, &elsewhere), "");
    }
}
