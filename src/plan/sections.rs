//! Sections whose entries have names, and are referred to by them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::problems::Problems;
use crate::config::Section;

/// Entries by name; None where an entry exists and is wrong, so that nobody who refers to it is
/// told that it does not exist.
pub(super) type Compiled<T> = BTreeMap<String, Option<Arc<T>>>;

/// Compiles the entries of a section that has names, such as `buckets`.
pub(super) fn compile<C, T>(
    sections: BTreeMap<String, Section<C>>,
    what: &str,
    problems: &mut Problems,
    mut entry: impl FnMut(&str, C, &mut Problems) -> Option<T>,
) -> Compiled<T> {
    sections
        .into_iter()
        .map(|(name, section)| {
            let at = format!("{what}.{name}");
            let valid = problems.valid(&at, section);
            let compiled = valid.and_then(|valid| entry(&name, valid, problems));
            (name, compiled.map(Arc::new))
        })
        .collect()
}

/// Puts entries of an earlier plan in the place of those that are the same; the others inherit.
pub(super) fn take_over<T>(
    entries: &mut Compiled<T>,
    earlier: &BTreeMap<String, Arc<T>>,
    is_same: impl Fn(&T, &T) -> bool,
    inherit: impl Fn(&mut T, &T),
) {
    for (name, entry) in entries {
        let (Some(entry), Some(earlier)) = (entry, earlier.get(name)) else { continue };
        if is_same(entry, earlier) {
            *entry = Arc::clone(earlier);
        } else if let Some(entry) = Arc::get_mut(entry) {
            // Nobody refers to it before there are routes.
            inherit(entry, earlier);
        }
    }
}

/// The entries, where none is wrong.
pub(super) fn compiled<T>(sections: Compiled<T>) -> BTreeMap<String, Arc<T>> {
    sections.into_iter().filter_map(|(name, entry)| Some((name, entry?))).collect()
}

/// "no bucket is called ..., there are ...": the message for a name that leads nowhere.
pub(super) fn unknown<T>(what: &str, name: &str, known: &Compiled<T>) -> String {
    let mut message = format!("no {what} is called \"{name}\"");
    if !known.is_empty() {
        let names: Vec<_> = known.keys().map(String::as_str).collect();
        message.push_str(&format!(" (there is {})", names.join(", ")));
    }
    message
}
