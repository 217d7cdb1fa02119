//! English plurals of kinds, as the API server's resources are named after.
//!
//! The rules follow gobuffalo/flect, which kubebuilder uses, for the words that kinds
//! are made of. A word list and a few endings do; the libraries for it come with
//! regular expressions whose tables every start of the program would pay for.

/// Words whose plural follows no rule.
const IRREGULAR: &[(&str, &str)] = &[
    ("alumnus", "alumni"),
    ("appendix", "appendices"),
    ("axis", "axes"),
    ("bacterium", "bacteria"),
    ("cactus", "cacti"),
    ("child", "children"),
    ("codex", "codices"),
    ("criterion", "criteria"),
    ("datum", "data"),
    ("echo", "echoes"),
    ("epoch", "epochs"),
    ("focus", "foci"),
    ("foot", "feet"),
    ("fungus", "fungi"),
    ("genus", "genera"),
    ("goose", "geese"),
    ("half", "halves"),
    ("hero", "heroes"),
    ("index", "indices"),
    ("knife", "knives"),
    ("leaf", "leaves"),
    ("life", "lives"),
    ("man", "men"),
    ("matrix", "matrices"),
    ("mouse", "mice"),
    ("nucleus", "nuclei"),
    ("ox", "oxen"),
    ("person", "people"),
    ("phenomenon", "phenomena"),
    ("potato", "potatoes"),
    ("quiz", "quizzes"),
    ("radius", "radii"),
    ("self", "selves"),
    ("shelf", "shelves"),
    ("stimulus", "stimuli"),
    ("thief", "thieves"),
    ("tomato", "tomatoes"),
    ("tooth", "teeth"),
    ("vertex", "vertices"),
    ("veto", "vetoes"),
    ("vortex", "vortices"),
    ("wife", "wives"),
    ("wolf", "wolves"),
    ("woman", "women"),
];

/// Words that are their own plural. So are those that end in a single `s` and are no
/// singular by their ending: `endpoints`, `series`, `dns`.
const UNCHANGED: &[&str] = &[
    "children",
    "data",
    "deer",
    "equipment",
    "feedback",
    "fish",
    "information",
    "media",
    "metadata",
    "money",
    "people",
    "rice",
    "sheep",
    "software",
    "staff",
];

/// Returns the plural of a kind in lower case. Only its last word has one:
/// `BackupPerson` are `backuppeople`.
pub(super) fn regular_plural(kind: &str) -> String {
    let bytes = kind.as_bytes();
    let starts_word = |at: &usize| {
        bytes[*at].is_ascii_uppercase() && bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase)
    };
    let start = (0..bytes.len()).rev().find(starts_word).unwrap_or(0);
    kind[..start].to_lowercase() + &plural_of_word(&kind[start..].to_lowercase())
}

fn plural_of_word(word: &str) -> String {
    if UNCHANGED.contains(&word) {
        return word.to_owned();
    }
    if let Some((_, plural)) = IRREGULAR.iter().find(|(singular, _)| *singular == word) {
        return (*plural).to_owned();
    }
    let ends = |endings: &[&str]| endings.iter().any(|it| word.ends_with(it));
    if let Some(stem) = word.strip_suffix("sis") {
        return format!("{stem}ses");
    }
    if let Some(stem) = word.strip_suffix('y').filter(|it| !it.ends_with(['a', 'e', 'i', 'o', 'u']))
    {
        return format!("{stem}ies");
    }
    if ends(&["ss", "us", "ias", "gas", "las", "vas", "x", "z", "ch", "sh"]) {
        return format!("{word}es");
    }
    if word.ends_with('s') {
        return word.to_owned();
    }
    format!("{word}s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_its_english_plural() {
        // What gobuffalo/flect gives for the same words, except where a line says otherwise.
        for (kind, plural) in [
            ("Captain", "captains"),
            ("Policy", "policies"),
            ("Ingress", "ingresses"),
            ("Index", "indices"),
            ("Matrix", "matrices"),
            ("Gateway", "gateways"),
            ("Mesh", "meshes"),
            ("Batch", "batches"),
            ("Mouse", "mice"),
            ("Series", "series"),
            ("Endpoints", "endpoints"),
            ("Alias", "aliases"),
            ("Status", "statuses"),
            ("Canvas", "canvases"),
            ("Analysis", "analyses"),
            ("Database", "databases"),
            ("Quiz", "quizzes"),
            ("Wolf", "wolves"),
            ("BusyBox", "busyboxes"),
            ("HTTPRoute", "httproutes"),
            ("CronJob", "cronjobs"),
            ("BackupPerson", "backuppeople"),
            ("DNS", "dns"),
            ("Schema", "schemas"),
            ("Virus", "viruses"), // flect: viri
            ("Mutex", "mutexes"), // flect: mutices
        ] {
            assert_eq!(regular_plural(kind), plural, "{kind}");
        }
    }
}
