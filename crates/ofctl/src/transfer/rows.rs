//! Reads the rows of a file, one after the other: CSV with a header, or JSON Lines. Nothing that it says of a row holds
//! anything that the row holds.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead as _, BufReader, Read, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use clap::ValueEnum;
use prost_reflect::DynamicMessage;
use serde_json::value::RawValue;

use super::layout::{BadRow, Column, Layout, Noun};
use crate::{exit::Failure, output};

/// Longer rows are not read. The gateway takes requests of 64 KiB; a quote that is never closed would make one row of
/// the rest of the file.
const LONGEST: u64 = 1 << 20;
/// What a file of failed rows has besides the fields; an import passes over it.
pub(crate) const REPORTED: [&str; 4] = ["line", "code", "reason", "what_to_do"];
/// Where a file of failed rows in JSON Lines keeps a row that is no JSON.
pub(crate) const UNREADABLE: &str = "unreadable";

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Comma separated values (RFC 4180) in UTF-8, with a header.
    Csv,
    /// A JSON object on each line.
    Jsonl,
}

impl Format {
    /// The one that was asked for, or else that of the file's name.
    pub(crate) fn of(asked: Option<Self>, path: &Path) -> Result<Self, Failure> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let named = match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => Some(Self::Csv),
            Some("jsonl" | "ndjson") => Some(Self::Jsonl),
            Some(_) | None => None,
        };
        asked.or(named).ok_or_else(|| {
            Failure::Usage(format!(
                "{} ends in neither .csv nor .jsonl: say --format csv or --format jsonl",
                path.display()
            ))
        })
    }

    /// What the names of such files end in.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }
}

/// A row as it stands in the file.
#[derive(Clone)]
pub(crate) enum Raw {
    /// Its cells.
    Csv(csv::ByteRecord),
    /// Its line, without the end.
    Json(Vec<u8>),
}

/// A row.
pub(crate) struct Row {
    /// Counts the rows from 1, the header not counted.
    pub(crate) number: u32,
    /// The line that it begins on, from 1.
    pub(crate) line: u64,
    pub(crate) raw: Raw,
    pub(crate) content: Result<DynamicMessage, BadRow>,
}

/// The rows of a file.
pub(crate) struct Rows {
    layout: Layout,
    path: PathBuf,
    source: Source,
    number: u32,
    /// How many bytes may still be read for one row.
    left: Arc<AtomicU64>,
}

enum Source {
    Csv {
        reader: csv::Reader<Bounded>,
        /// The columns, and which of the cells they are.
        columns: Vec<Column>,
        places: Vec<usize>,
        header: csv::ByteRecord,
    },
    Json {
        reader: BufReader<Bounded>,
        line: u64,
    },
}

impl Rows {
    /// Opens a file, and reads its header.
    pub(crate) fn open(path: &Path, format: Format, noun: Noun) -> Result<Self, Failure> {
        let layout = Layout::of(noun)?;
        let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
        skip_mark(&mut file).map_err(|error| unreadable(path, &error))?;
        let left = Arc::new(AtomicU64::new(LONGEST));
        let file = Bounded {
            file,
            left: Arc::clone(&left),
        };
        let source = match format {
            Format::Csv => Self::header(path, file, &layout)?,
            Format::Jsonl => Source::Json {
                reader: BufReader::new(file),
                line: 0,
            },
        };
        Ok(Self {
            layout,
            path: path.to_owned(),
            source,
            number: 0,
            left,
        })
    }

    fn header(path: &Path, file: Bounded, layout: &Layout) -> Result<Source, Failure> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
        let header = reader
            .byte_headers()
            .map_err(|error| broken(path, 1, &error))?;
        let header = header.clone();
        let (mut columns, mut places) = (Vec::<Column>::new(), Vec::new());
        let wrong = |problem: String| Failure::Usage(format!("{}: {problem}", path.display()));
        let is_known =
            |name: &[u8]| std::str::from_utf8(name).is_ok_and(|name| layout.column(name).is_ok());
        // Where no name is one, the line is a row like the others, and what a row holds is told to nobody.
        if !header.iter().any(is_known) {
            return Err(wrong(format!(
                "the first line must name the columns, with commas in between, and names none; `{}` must be among them",
                layout.noun.key()
            )));
        }
        for (place, name) in header.iter().enumerate() {
            let name = std::str::from_utf8(name);
            let name =
                name.map_err(|_| wrong(format!("the name of column {} is no UTF-8", place + 1)))?;
            if REPORTED.contains(&name) {
                continue;
            }
            if columns.iter().any(|column| column.name == name) {
                return Err(wrong(format!("column `{name}` is there twice")));
            }
            columns.push(layout.column(name).map_err(wrong)?);
            places.push(place);
        }
        let key = layout.noun.key();
        if !columns.iter().any(|column| column.name == key) {
            return Err(wrong(format!(
                "the first line must name the columns, and `{key}` is not among them"
            )));
        }
        Ok(Source::Csv {
            reader,
            columns,
            places,
            header,
        })
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The names of the columns as the file has them, less those of a report; none for JSON Lines.
    pub(crate) fn header_cells(&self) -> csv::ByteRecord {
        match &self.source {
            Source::Csv { places, header, .. } => picked(header, places),
            Source::Json { .. } => csv::ByteRecord::new(),
        }
    }

    /// The next row; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, Failure> {
        self.left.store(LONGEST, Relaxed);
        let path = &self.path;
        let (line, raw, content) = match &mut self.source {
            Source::Csv {
                reader,
                columns,
                places,
                header,
            } => {
                let mut cells = csv::ByteRecord::new();
                let line = reader.position().line();
                let more = reader.read_byte_record(&mut cells);
                if !more.map_err(|error| broken(path, line, &error))? {
                    return Ok(None);
                }
                let line = cells.position().map_or(line, csv::Position::line);
                if cells.len() == header.len() {
                    let cells = picked(&cells, places);
                    let content = self.layout.row(columns, &cells);
                    (line, Raw::Csv(cells), content)
                } else {
                    // What an earlier report has put in front is none of the row's.
                    let told = |place: &usize| header.get(*place).is_some_and(is_told);
                    let own = (0..cells.len()).filter(|place| !told(place));
                    let own: Vec<usize> = own.collect();
                    let problem = "has more or fewer cells than the header";
                    (
                        line,
                        Raw::Csv(picked(&cells, &own)),
                        Err(BadRow::whole(problem)),
                    )
                }
            }
            Source::Json { reader, line } => {
                let mut text = Vec::new();
                loop {
                    text.clear();
                    *line += 1;
                    let read = reader.read_until(b'\n', &mut text);
                    if read.map_err(|error| {
                        Failure::Local(format!("{}, line {line}: {error}", path.display()))
                    })? == 0
                    {
                        return Ok(None);
                    }
                    text.truncate(text.trim_ascii_end().len());
                    if !text.is_empty() {
                        break;
                    }
                    self.left.store(LONGEST, Relaxed);
                }
                let content = json(&self.layout, &text);
                (*line, Raw::Json(text), content)
            }
        };
        self.number = self.number.checked_add(1).ok_or_else(|| {
            Failure::Usage(format!(
                "{} has more than {} rows",
                self.path.display(),
                u32::MAX
            ))
        })?;
        Ok(Some(Row {
            number: self.number,
            line,
            raw,
            content,
        }))
    }
}

fn picked(cells: &csv::ByteRecord, places: &[usize]) -> csv::ByteRecord {
    places
        .iter()
        .filter_map(|place| cells.get(*place))
        .collect()
}

/// Whether a column is one of a report.
fn is_told(name: &[u8]) -> bool {
    REPORTED.iter().any(|reported| reported.as_bytes() == name)
}

/// The message of a line of JSON. What the parser says of a line may hold what the line holds, so it is not passed on.
fn json(layout: &Layout, text: &[u8]) -> Result<DynamicMessage, BadRow> {
    type Object<'a> = BTreeMap<String, &'a RawValue>;
    let text = str::from_utf8(text).map_err(|_| BadRow::whole("must be UTF-8"))?;
    let mut object: Object<'_> =
        serde_json::from_str(text).map_err(|_| BadRow::whole("is no JSON object"))?;
    if output::json::names_twice(text) {
        return Err(BadRow::whole(output::json::TWICE));
    }
    object.retain(|name, _| !REPORTED.contains(&name.as_str()));
    let text = serde_json::to_string(&object).map_err(|_| BadRow::whole("is no JSON object"))?;
    let message = output::json::parse(&text, layout.message.clone()).map_err(|problem| {
        // The place is in what was put together here, and not in the file.
        let problem = problem.split(", at line").next().unwrap_or_default();
        BadRow::whole(problem)
    })?;
    if let Some(column) = layout.given(&message) {
        return Err(BadRow {
            column,
            problem: "is given by the vendor or by this program: take it out".to_owned(),
        });
    }
    Ok(message)
}

/// Reads past a byte order mark.
fn skip_mark(file: &mut File) -> io::Result<()> {
    let mut mark = Vec::new();
    file.by_ref().take(3).read_to_end(&mut mark)?;
    if mark.starts_with(b"\xff\xfe") || mark.starts_with(b"\xfe\xff") {
        let problem = "it is in UTF-16: save it in UTF-8";
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    let begin = if mark == b"\xef\xbb\xbf" { 3 } else { 0 };
    file.seek(SeekFrom::Start(begin))?;
    Ok(())
}

/// A file of which no row may take up more than a certain number of bytes.
struct Bounded {
    file: File,
    left: Arc<AtomicU64>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.load(Relaxed);
        if left == 0 {
            let problem = "a row is longer than 1 MiB; is there a quote that is never closed?";
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        let count = self.file.read(buffer)?;
        let bytes = u64::try_from(count).unwrap_or(u64::MAX);
        self.left.store(left.saturating_sub(bytes), Relaxed);
        Ok(count)
    }
}

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::Local(format!("cannot read {}: {error}", path.display()))
}

/// Tells where a file is broken, and of the reason only what holds nothing of the file.
fn broken(path: &Path, line: u64, error: &csv::Error) -> Failure {
    let reason = if let csv::ErrorKind::Io(error) = error.kind() {
        error.to_string()
    } else {
        "is no CSV".to_owned()
    };
    Failure::Local(format!("{}, line {line}: {reason}", path.display()))
}
