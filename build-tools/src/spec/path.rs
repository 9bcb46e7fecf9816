//! Path templates: the parameters in them have names that nobody sees on the wire.

/// The names of a path's parameters, in their order.
pub(crate) fn names(path: &str) -> Vec<&str> {
    path.split('{')
        .skip(1)
        .filter_map(|part| part.split_once('}'))
        .map(|(name, _)| name)
        .collect()
}

/// The path without the names of its parameters.
pub(crate) fn erased(path: &str) -> String {
    let mut erased = String::new();
    for (index, part) in path.split('{').enumerate() {
        match (index, part.split_once('}')) {
            (0, _) | (_, None) => erased.push_str(part),
            (_, Some((_, rest))) => {
                erased.push_str("{}");
                erased.push_str(rest);
            }
        }
    }
    erased
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_apart_without_the_names_of_its_parameters() {
        assert_eq!(erased("/a/{one}/b/{two}"), "/a/{}/b/{}");
        assert_eq!(erased("/a"), "/a");
        assert_eq!(names("/a/{one}/b/{two}"), ["one", "two"]);
    }
}
