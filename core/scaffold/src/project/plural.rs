//! English plurals of kinds, which are the names of the API server's resources.
//!
//! The rules follow gobuffalo/flect, which kubebuilder uses, for words that occur in kinds. A word
//! list and a few endings are enough; the libraries for this contain regular expressions whose
//! tables would cost time at every start. Each list is a single text, because each text in a table
//! requires a relocation at every start.

/// Words with an irregular plural, each with its plural.
const IRREGULAR: &str = "\
    addendum:addenda alumna:alumnae alumnus:alumni apex:apices appendix:appendices \
    aquarium:aquaria auditorium:auditoria axis:axes bacillus:bacilli bacterium:bacteria \
    beau:beaux buffalo:buffaloes bureau:bureaus cactus:cacti cargo:cargoes chateau:chateaux \
    child:children codex:codices compendium:compendia consortium:consortia corpus:corpora \
    corrigendum:corrigenda criterion:criteria datum:data desideratum:desiderata die:dice \
    echo:echoes embargo:embargoes emporium:emporia epoch:epochs erratum:errata focus:foci \
    foot:feet fungus:fungi ganglion:ganglia genus:genera goose:geese gymnasium:gymnasia \
    helix:helices hero:heroes honorarium:honoraria index:indices larva:larvae lens:lenses \
    lexicon:lexica locus:loci louse:lice matrix:matrices maximum:maxima medium:media \
    memorandum:memoranda millennium:millennia minimum:minima momentum:momenta \
    moratorium:moratoria mouse:mice nebula:nebulae nucleus:nuclei optimum:optima ovum:ova \
    ox:oxen person:people phenomenon:phenomena plateau:plateaux podium:podia \
    polyhedron:polyhedra potato:potatoes premium:premia quantum:quanta quiz:quizzes radius:radii \
    radix:radices referendum:referenda spectrum:spectra stimulus:stimuli stratum:strata \
    syllabus:syllabi symposium:symposia tableau:tableaux taxon:taxa testis:testes thief:thieves \
    tomato:tomatoes tooth:teeth tornado:tornadoes torpedo:torpedoes trapezium:trapezia \
    ultimatum:ultimata vertebra:vertebrae vertex:vertices veto:vetoes vortex:vortices";

/// Words that are their own plural. So are those that end in a single `s` and are not a singular by
/// their ending: `endpoints`, `series`, `dns`.
const UNCHANGED: &str = "\
    aircraft bison cattle children criteria data deer equipment feedback firmware fish hardware \
    hovercraft information media metadata money moose offspring people police rice salmon sheep \
    shrimp software spacecraft staff swine traffic trout tuna watercraft";

/// Words that only get an `s`, although others with the same ending do not.
const REGULAR: &str = "\
    belief caiman fife german golf gulf human norman ottoman roman shaman strife talisman";

/// Returns the plural of a kind in lower case. Only its last word is pluralized: the plural of
/// `BackupPerson` is `backuppeople`.
pub(super) fn regular_plural(kind: &str) -> String {
    let bytes = kind.as_bytes();
    let starts_word = |at: &usize| {
        bytes[*at].is_ascii_uppercase() && bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase)
    };
    let start = (0..bytes.len()).rev().find(starts_word).unwrap_or(0);
    kind[..start].to_lowercase() + &plural_of_word(&kind[start..].to_lowercase())
}

fn plural_of_word(word: &str) -> String {
    if has(UNCHANGED, word) {
        return word.to_owned();
    }
    let mut irregular = IRREGULAR.split(' ').filter_map(|it| it.split_once(':'));
    if let Some((_, plural)) = irregular.find(|(singular, _)| *singular == word) {
        return plural.to_owned();
    }
    let ends = |endings: &[&str]| endings.iter().any(|it| word.ends_with(it));
    if let Some(stem) = word.strip_suffix("man").filter(|_| !has(REGULAR, word)) {
        return format!("{stem}men");
    }
    let is_voiced = ends(&["eaf", "oaf", "lf", "carf", "harf"]) && !has(REGULAR, word);
    if let Some(stem) = word.strip_suffix('f').filter(|_| is_voiced) {
        return format!("{stem}ves");
    }
    if let Some(stem) = word.strip_suffix("ife").filter(|_| !has(REGULAR, word)) {
        return format!("{stem}ives");
    }
    if let Some(stem) = word.strip_suffix("sis").filter(|_| !word.ends_with("ssis")) {
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

fn has(words: &str, word: &str) -> bool {
    words.split(' ').any(|it| it == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line contains a word and its plural according to gobuffalo/flect 1.0.3, the library
    /// that kubebuilder 4 names resources with: `flect.Pluralize` of the word in lower case.
    const FLECT: &str = include_str!("testdata/plurals.txt");

    /// Words for which flect is wrong, or returns an unusual form.
    const CORRECTED: &[(&str, &str)] = &[
        ("atlas", "atlases"),
        ("cafe", "cafes"),
        ("caiman", "caimans"),
        ("canvas", "canvases"),
        ("dns", "dns"),
        ("emphasis", "emphases"),
        ("epoch", "epochs"),
        ("feedback", "feedback"),
        ("fife", "fifes"),
        ("firmware", "firmware"),
        ("fungus", "fungi"),
        ("gas", "gases"),
        ("german", "germans"),
        ("golf", "golfs"),
        ("gulf", "gulfs"),
        ("hardware", "hardware"),
        ("https", "https"),
        ("lens", "lenses"),
        ("logo", "logos"),
        ("memo", "memos"),
        ("norman", "normans"),
        ("octopus", "octopuses"),
        ("ottoman", "ottomans"),
        ("repo", "repos"),
        ("roman", "romans"),
        ("safe", "safes"),
        ("shaman", "shamans"),
        ("software", "software"),
        ("spacecraft", "spacecraft"),
        ("staff", "staff"),
        ("stimulus", "stimuli"),
        ("strife", "strifes"),
        ("talisman", "talismans"),
        ("traffic", "traffic"),
        ("veto", "vetoes"),
        ("video", "videos"),
    ];

    #[test]
    fn plurals_are_those_of_kubebuilder() {
        let mut n_words = 0;
        for line in FLECT.lines() {
            let (word, flect) = line.split_once(' ').unwrap();
            let corrected = CORRECTED.iter().find(|it| it.0 == word).map(|it| it.1);
            let kind = word[..1].to_uppercase() + &word[1..];
            assert_eq!(regular_plural(&kind), corrected.unwrap_or(flect), "{word}");
            n_words += 1;
        }
        assert!(n_words > 300, "{n_words}");
    }

    #[test]
    fn only_the_last_word_of_a_kind_is_inflected() {
        for (kind, plural) in [
            ("HTTPRoute", "httproutes"),
            ("CronJob", "cronjobs"),
            ("BackupPerson", "backuppeople"),
            ("StorageMedium", "storagemedia"),
            ("BusyBox", "busyboxes"),
            ("NightWatchman", "nightwatchmen"),
            ("DNS", "dns"),
            ("ContactLens", "contactlenses"),
        ] {
            assert_eq!(regular_plural(kind), plural, "{kind}");
        }
    }
}
