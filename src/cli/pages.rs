//! Pages about the program: a man page, completions for shells, and the settings as a page of docs.
//!
//! All are made of the commands and the table of settings. `posewire pages NAME` prints one, for those who
//! package the program.

use super::command::{AnyOption, Command};
use super::help::{EXIT_CODES, sentence, synopsis};
use super::{commands, say_lines};
use crate::error::{Error, Result};
use crate::settings::{Group, LayerSet, SETTINGS};
use lexopt::Parser;
use std::fmt::Write as _;

/// Makes the text of a page.
type Page = fn() -> String;

const PAGES: [(&str, Page); 5] = [
    ("man", || man(env!("CARGO_PKG_VERSION"))),
    ("bash", bash),
    ("zsh", zsh),
    ("fish", fish),
    ("settings", settings),
];

pub(super) fn main(mut parser: Parser) -> Result<()> {
    let name = parser.next().ok().flatten();
    let name = match name {
        Some(lexopt::Arg::Value(name)) => name.to_string_lossy().into_owned(),
        _ => String::new(),
    };
    match PAGES.iter().find(|(known, _)| *known == name) {
        Some((_, page)) => {
            say_lines(page().trim_end().lines());
            Ok(())
        }
        None => Err(Error::usage(format!(
            "there is no page {name:?}: {}",
            PAGES.map(|(name, _)| name).join(", ")
        ))),
    }
}

/// The man page, posewire(1), of a version of the program.
pub fn man(version: &str) -> String {
    let mut page = format!(
        ".TH POSEWIRE 1 \"\" \"posewire {version}\" \"User Commands\"\n\
         .SH NAME\nposewire \\- hand and body keypoints from a camera to a robot\n\
         .SH SYNOPSIS\n.B posewire\n.I COMMAND\n.RI [ OPTIONS ]\n\
         .SH DESCRIPTION\n\
         posewire reads a V4L2 camera, finds the keypoints of a hand or a body with an int8 network, and sends\n\
         them by UDP or on a serial line.\n.PP\n.B posewire doctor\n\
         checks this board and gives a remedy for each fault.\n.SH COMMANDS\n"
    );
    for command in commands() {
        let _ = write!(
            page,
            ".SS posewire {}\n{}\n",
            command.name,
            roff(command.about)
        );
        for usage in command.usage {
            let _ = write!(page, ".PP\n.B posewire {} {}\n", command.name, roff(usage));
        }
        for option in own_and_few(command) {
            man_option(&mut page, &option);
        }
        if !command.notes.is_empty() {
            let _ = write!(page, ".PP\n{}\n", roff(command.notes));
        }
    }
    page += ".SH SETTINGS OF A RUN\n";
    for group in Group::ALL {
        let _ = writeln!(page, ".SS {}", group.title());
        for row in SETTINGS.iter().filter(|row| row.group == group) {
            man_option(&mut page, &row.into());
        }
    }
    page += ".SH FILES\n.TP\n.I /etc/posewire/posewire.toml\n\
             The settings of the service posewire. After a change:\n.B systemctl restart posewire\n\
             .TP\n.I /usr/lib/posewire/*.plan\n\
             The shipped networks, compiled for this board's kind of processor.\n\
             .SH EXIT STATUS\n";
    page + &roff(EXIT_CODES)
}

/// The options that a command's part of the man page lists. Those of all settings have a part of their own.
fn own_and_few(command: &Command) -> Vec<AnyOption> {
    match command.settings {
        super::command::Accepts::These(_) => command.all_options().collect(),
        _ => command.options.iter().map(AnyOption::from).collect(),
    }
}

fn man_option(page: &mut String, option: &AnyOption) {
    let _ = write!(
        page,
        ".TP\n.B {}\n{}\n",
        roff(&synopsis(option)),
        roff(&sentence(option))
    );
}

/// A text for troff: hyphens are those of options, and no line begins with a command.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let lines = text.lines().map(|line| match line.chars().next() {
        Some('.' | '\'') => format!("\\&{line}\n"),
        _ => format!("{line}\n"),
    });
    lines.collect::<String>().trim_end().to_owned()
}

/// Completions for bash.
pub fn bash() -> String {
    let names: Vec<&str> = commands().map(|command| command.name).collect();
    let mut cases = String::new();
    for command in commands() {
        let mut words: Vec<String> = command
            .all_options()
            .map(|option| format!("--{}", option.name))
            .collect();
        words.push("--help".into());
        let _ = writeln!(
            cases,
            "    {}) words=\"{}\" ;;",
            command.name,
            words.join(" ")
        );
    }
    format!(
        "# Completions of posewire for bash.\n\
         _posewire() {{\n  local current=\"${{COMP_WORDS[COMP_CWORD]}}\" words=\"\"\n  \
         if [[ $COMP_CWORD -eq 1 ]]; then\n    \
         mapfile -t COMPREPLY < <(compgen -W \"{} --help --version\" -- \"$current\")\n    return\n  fi\n  \
         case \"${{COMP_WORDS[1]}}\" in\n{cases}  esac\n  \
         if [[ $current == -* ]]; then\n    \
         mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n  else\n    \
         mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n  fi\n}}\n\
         complete -o filenames -F _posewire posewire\n",
        names.join(" ")
    )
}

/// Completions for zsh.
pub fn zsh() -> String {
    let mut page = String::from(
        "#compdef posewire\n# Completions of posewire for zsh.\n_posewire() {\n  \
         if (( CURRENT == 2 )); then\n    local -a commands=(\n",
    );
    for command in commands() {
        let _ = writeln!(page, "      '{}:{}'", command.name, quoted(command.summary));
    }
    page += "    )\n    _describe command commands\n    return\n  fi\n  shift words\n  (( CURRENT-- ))\n  \
             case $words[1] in\n";
    for command in commands() {
        let _ = write!(page, "    {})\n      _arguments", command.name);
        for option in command.all_options() {
            let help: String = sentence(&option)
                .chars()
                .filter(|letter| !matches!(letter, '[' | ']'))
                .collect();
            let help = quoted(&help).replace(':', "\\:");
            let name = option.name;
            let _ = match option.argument {
                None => write!(page, " \\\n        '--{name}[{help}]'"),
                Some(argument) => {
                    let argument = argument.replace(':', "\\:");
                    let equals = if option.argument_is_optional {
                        "=-"
                    } else {
                        ""
                    };
                    write!(
                        page,
                        " \\\n        '--{name}{equals}[{help}]:{argument}:_files'"
                    )
                }
            };
        }
        page += " \\\n        '*:file:_files'\n      ;;\n";
    }
    page + "  esac\n}\n_posewire \"$@\"\n"
}

/// Completions for fish.
pub fn fish() -> String {
    let mut page = String::from(
        "# Completions of posewire for fish.\n\
         complete -c posewire -n __fish_use_subcommand -f\n",
    );
    for command in commands() {
        let _ = writeln!(
            page,
            "complete -c posewire -n __fish_use_subcommand -a {} -d '{}'",
            command.name,
            fish_quoted(command.summary)
        );
    }
    for command in commands() {
        for option in command.all_options() {
            let needs_value = match option.argument {
                Some(_) if !option.argument_is_optional => " -r",
                _ => "",
            };
            let _ = writeln!(
                page,
                "complete -c posewire -n '__fish_seen_subcommand_from {}' -l {}{needs_value} -d '{}'",
                command.name,
                option.name,
                fish_quoted(option.help)
            );
        }
    }
    page
}

/// For single quotes of a POSIX shell.
fn quoted(text: &str) -> String {
    text.replace('\'', "'\\''")
}

fn fish_quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

/// docs/settings.md.
pub fn settings() -> String {
    let mut page = String::from(
        "# Settings\n\n\
         The settings of `posewire run`. An option and the TOML key of a configuration file have the same name.\n\
         The strongest of these that has a setting wins: the command line, the file that `--config` names, the\n\
         board that `board` names, the default. All values are checked, those that lose as well.\n\n\
         This page is generated from the table in `src/settings/table.rs`.\n",
    );
    for group in Group::ALL {
        let _ = write!(page, "\n## {}\n", group.title());
        for row in SETTINGS.iter().filter(|row| row.group == group) {
            let option = AnyOption::from(row);
            let mut help = row.help.replace('|', "\\|");
            if let Some(first) = help.get_mut(..1)
                && !row.help.starts_with("image:")
            {
                first.make_ascii_uppercase();
            }
            let end = if help.ends_with('.') { "" } else { "." };
            let _ = write!(page, "\n### `{}`\n\n{help}{end}\n\n", synopsis(&option));
            if let Some(default) = row.default {
                let _ = writeln!(page, "- Default: `{default}`");
            }
            if row.layers.has(LayerSet::FILE) {
                let _ = writeln!(
                    page,
                    "- In a file: `{} = {}`, {}",
                    row.name,
                    row.value.toml(row.example),
                    row.value.toml_type()
                );
            } else {
                page += "- On the command line only\n";
            }
            if row.layers.has(LayerSet::BOARD) {
                page += "- Boards have it\n";
            }
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Compares a file of the repository with what it should be; with POSEWIRE_BLESS=1 writes it.
    fn compare(path: &str, text: &str) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        if std::env::var_os("POSEWIRE_BLESS").is_some() {
            std::fs::write(&file, text).unwrap();
        }
        let present = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            present == text,
            "{path} is not what the code says: POSEWIRE_BLESS=1 cargo test --lib pages"
        );
    }

    #[test]
    fn the_settings_page_is_what_the_table_says() {
        compare("docs/settings.md", &settings());
    }

    #[test]
    fn the_seeds_of_fuzzers_are_the_examples_of_the_table() {
        let mut file = String::new();
        for row in SETTINGS.iter() {
            compare(
                &format!("tests/fuzz/corpus/args/{}.txt", row.name),
                row.example,
            );
            if row.layers.has(LayerSet::FILE) {
                let _ = writeln!(file, "{} = {}", row.name, row.value.toml(row.example));
            }
        }
        compare("tests/fuzz/corpus/config/run.toml", &file);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/args");
        for seed in std::fs::read_dir(folder).unwrap() {
            let path = seed.unwrap().path();
            let name = path.file_stem().and_then(|name| name.to_str());
            assert!(
                SETTINGS.iter().any(|row| Some(row.name) == name),
                "{} is of no setting: delete it",
                crate::text::Shown::path(&path)
            );
        }
    }

    /// Lists that people write. A new kind is missing there until someone adds it.
    #[test]
    fn the_lists_in_help_and_readmes_are_complete() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
        let readme = page("README.md");
        for kind in crate::source::KINDS {
            let (alone, with) = (format!("`{}`", kind.name), format!("`{}:`", kind.name));
            assert!(
                readme.contains(&alone) || readme.contains(&with),
                "README.md lacks the source {with}"
            );
        }
        for kind in crate::sink::KINDS {
            let option = format!("--{}", kind.name);
            assert!(
                readme.contains(&option),
                "README.md lacks the sink {option}"
            );
        }
        let compile = commands().find(|command| command.name == "compile");
        let options = compile.map_or(&[][..], |command| command.options);
        let lists = |option: &str, name: &str| {
            let mut found = options.iter().filter(|row| row.name == option);
            found.any(|row| {
                row.help
                    .split([' ', ',', ';', '\n'])
                    .any(|word| word == name)
            })
        };
        for core in crate::engine::cores() {
            assert!(lists("cpu", core), "the help of --cpu lacks {core}");
        }
        let boards = page("boards/README.md");
        for family in crate::engine::kernel_families() {
            assert!(
                lists("kernel", family),
                "the help of --kernel lacks {family}"
            );
            assert!(
                boards.contains(&format!("`{family}`")),
                "boards/README.md lacks {family}"
            );
        }
        for board in crate::board::names() {
            assert!(
                boards.contains(&format!("`{board}`")),
                "boards/README.md lacks {board}"
            );
        }
    }

    #[test]
    fn every_page_has_every_command_and_option() {
        for (name, page) in PAGES.iter().filter(|(name, _)| *name != "settings") {
            let text = page().replace("\\-", "-");
            for command in commands() {
                assert!(text.contains(command.name), "{name}: {}", command.name);
                for option in command.all_options() {
                    let long = format!("--{}", option.name);
                    let fish = format!("-l {}", option.name);
                    assert!(
                        text.contains(&long) || text.contains(&fish),
                        "{name}: {long}"
                    );
                }
            }
        }
    }

    #[test]
    fn shells_can_read_their_completions() {
        for (shell, page) in [("bash", bash()), ("zsh", zsh()), ("fish", fish())] {
            let file =
                std::env::temp_dir().join(format!("posewire-{}.{shell}", std::process::id()));
            std::fs::write(&file, page).unwrap();
            let checked = std::process::Command::new(shell)
                .arg("-n")
                .arg(&file)
                .output();
            std::fs::remove_file(&file).unwrap();
            // A machine may lack the shell. Under qemu-user starting it then succeeds, with this code.
            const NOT_FOUND: Option<i32> = Some(127);
            if let Ok(output) = checked
                && output.status.code() != NOT_FOUND
            {
                let text = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{shell}: {text}");
            }
        }
    }
}
