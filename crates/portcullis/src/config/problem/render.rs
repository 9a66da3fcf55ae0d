//! Problems as people read them.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::excerpt::Excerpt;
use super::{ConfigError, Problem};

impl ConfigError {
    /// What is wrong; at least one problem, but where the file could not be read at all.
    pub fn problems(&self) -> &[Problem] {
        match self {
            ConfigError::Unreadable { .. } => &[],
            ConfigError::Wrong(problems) => problems,
        }
    }

    /// All problems with their lines, for a terminal that shows colours or one that does not.
    pub fn render(&self, coloured: bool) -> String {
        let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
        match self {
            ConfigError::Unreadable { path, error } => {
                let message = format!("{} cannot be read: {error}", path.display());
                renderer.render(&[Group::with_title(Level::ERROR.primary_title(message))])
            }
            ConfigError::Wrong(problems) => {
                let shown: Vec<String> =
                    problems.iter().map(|problem| problem.render(&renderer)).collect();
                shown.join("\n\n")
            }
        }
    }
}

impl Problem {
    fn render(&self, renderer: &Renderer) -> String {
        let title = Level::ERROR.primary_title(&*self.message);
        if self.excerpts.is_empty() {
            return renderer.render(&[Group::with_title(title)]);
        }
        renderer.render(&[title.elements(self.excerpts.iter().map(snippet))])
    }
}

fn snippet(excerpt: &Excerpt) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    let kind = match excerpt.label {
        None => AnnotationKind::Primary,
        Some(_) => AnnotationKind::Context,
    };
    Snippet::source(&*excerpt.text)
        .path(&*excerpt.file)
        .line_start(excerpt.line)
        .annotation(kind.span(excerpt.span.clone()).label(excerpt.label))
}

/// As [`ConfigError::render`] without colours.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ConfigError::Unreadable { error, .. } => Some(error),
            ConfigError::Wrong(_) => None,
        }
    }
}
