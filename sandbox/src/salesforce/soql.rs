//! SOQL: the subset that clients of this service use, parsed into a tree.

use std::fmt;

/// A parsed query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub select: Vec<Selected>,
    pub from: String,
    pub filter: Option<Filter>,
    pub order: Vec<Order>,
    pub limit: Option<usize>,
    pub offset: usize,
}

/// One entry of the select list.
#[derive(Debug, Clone, PartialEq)]
pub enum Selected {
    /// A field, over any number of parents.
    Path(Path),
    /// The rows of a child relationship.
    Children(Query),
    /// `COUNT()`.
    Count,
}

/// A field over its parents, with its place in the text for messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    pub names: Vec<String>,
    pub at: usize,
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare(Path, Operator, Literal),
    In(Path, Vec<Literal>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Null,
    Boolean(bool),
    Text(String),
    /// A number, a date or a date-time, as written.
    Bare(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub path: Path,
    pub descending: bool,
    pub nulls_last: bool,
}

/// Why a text is not a query: what was met, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    pub at: usize,
    pub met: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unexpected token: '{}'", self.met)
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Symbol(&'static str),
    End,
}

/// Parses a whole query.
pub fn parse(text: &str) -> Result<Query, Malformed> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens, position: 0, depth: 0 };
    let query = parser.query()?;
    if parser.peek() == &Token::End { Ok(query) } else { Err(parser.unexpected()) }
}

fn tokens(text: &str) -> Result<Vec<(Token, usize)>, Malformed> {
    const SYMBOLS: [&str; 11] = ["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ",", ";"];
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
        } else if first == '\'' {
            let (literal, length) = quoted(&text[at..]).ok_or_else(|| Malformed { at, met: "'".to_owned() })?;
            tokens.push((Token::Text(literal), at));
            at += length;
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| text[at..].starts_with(**symbol)) {
            tokens.push((Token::Symbol(symbol), at));
            at += symbol.len();
        } else {
            let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+' | ':');
            let length = text[at..].find(|c| !is_word(c)).unwrap_or(text.len() - at);
            if length == 0 {
                return Err(Malformed { at, met: first.to_string() });
            }
            tokens.push((Token::Word(text[at..at + length].to_owned()), at));
            at += length;
        }
    }
    tokens.push((Token::End, at));
    Ok(tokens)
}

/// A text in single quotes at the beginning, and how long it is with them.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut literal = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((index, character)) = characters.next() {
        match character {
            '\'' => return Some((literal, index + 1)),
            '\\' => literal.push(match characters.next()?.1 {
                'n' | 'N' => '\n',
                'r' | 'R' => '\r',
                't' | 'T' => '\t',
                escaped @ ('\'' | '"' | '\\' | '_' | '%') => escaped,
                _ => return None,
            }),
            character => literal.push(character),
        }
    }
    None
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    position: usize,
    /// How many conditions and queries lie around what comes next.
    depth: usize,
}

/// Conditions and queries in each other; no query that means anything has as many.
const DEEPEST: usize = 50;

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.position.min(self.tokens.len() - 1)].0
    }

    fn at(&self) -> usize {
        self.tokens[self.position.min(self.tokens.len() - 1)].1
    }

    fn unexpected(&self) -> Malformed {
        let met = match self.peek() {
            Token::Word(word) | Token::Text(word) => word.clone(),
            Token::Symbol(symbol) => (*symbol).to_owned(),
            Token::End => "<EOF>".to_owned(),
        };
        Malformed { at: self.at(), met }
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.peek(), Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn accept(&mut self, keyword: &str) -> bool {
        let met = self.is_keyword(keyword);
        self.position += usize::from(met);
        met
    }

    fn expect(&mut self, keyword: &str) -> Result<(), Malformed> {
        if self.accept(keyword) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn accept_symbol(&mut self, symbol: &str) -> bool {
        let met = matches!(self.peek(), Token::Symbol(met) if *met == symbol);
        self.position += usize::from(met);
        met
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<(), Malformed> {
        if self.accept_symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn word(&mut self) -> Result<String, Malformed> {
        match self.peek() {
            Token::Word(word) => {
                let word = word.clone();
                self.position += 1;
                Ok(word)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn path(&mut self) -> Result<Path, Malformed> {
        let at = self.at();
        let is_name = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        match self.peek() {
            Token::Word(word) if word.split('.').all(is_name) => {
                let names = word.split('.').map(ToOwned::to_owned).collect();
                self.position += 1;
                Ok(Path { names, at })
            }
            _ => Err(self.unexpected()),
        }
    }

    /// What `parse` reads one level deeper, as long as that is not too deep.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Malformed>) -> Result<T, Malformed> {
        if self.depth == DEEPEST {
            return Err(self.unexpected());
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn query(&mut self) -> Result<Query, Malformed> {
        self.expect("SELECT")?;
        let mut select = vec![self.selected()?];
        while self.accept_symbol(",") {
            select.push(self.selected()?);
        }
        self.expect("FROM")?;
        let from = self.word()?;
        let filter = if self.accept("WHERE") { Some(self.filter()?) } else { None };
        let mut order = Vec::new();
        if self.accept("ORDER") {
            self.expect("BY")?;
            order.push(self.order()?);
            while self.accept_symbol(",") {
                order.push(self.order()?);
            }
        }
        let limit = if self.accept("LIMIT") { Some(self.count()?) } else { None };
        let offset = if self.accept("OFFSET") { self.count()? } else { 0 };
        Ok(Query { select, from, filter, order, limit, offset })
    }

    fn selected(&mut self) -> Result<Selected, Malformed> {
        if self.accept_symbol("(") {
            let query = self.nested(Self::query)?;
            self.expect_symbol(")")?;
            return Ok(Selected::Children(query));
        }
        let calls = matches!(self.tokens.get(self.position + 1), Some((Token::Symbol("("), _)));
        if calls && self.accept("COUNT") {
            self.expect_symbol("(")?;
            self.expect_symbol(")")?;
            return Ok(Selected::Count);
        }
        Ok(Selected::Path(self.path()?))
    }

    fn filter(&mut self) -> Result<Filter, Malformed> {
        let mut parts = vec![self.condition()?];
        if self.is_keyword("AND") {
            while self.accept("AND") {
                parts.push(self.condition()?);
            }
            return Ok(Filter::And(parts));
        }
        while self.accept("OR") {
            parts.push(self.condition()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Or(parts) })
    }

    fn condition(&mut self) -> Result<Filter, Malformed> {
        if self.accept("NOT") {
            return Ok(Filter::Not(Box::new(self.nested(Self::condition)?)));
        }
        if self.accept_symbol("(") {
            let filter = self.nested(Self::filter)?;
            self.expect_symbol(")")?;
            return Ok(filter);
        }
        let path = self.path()?;
        if self.accept("IN") {
            return Ok(Filter::In(path, self.literals()?));
        }
        if self.accept("NOT") {
            self.expect("IN")?;
            return Ok(Filter::Not(Box::new(Filter::In(path, self.literals()?))));
        }
        let operator = self.operator()?;
        Ok(Filter::Compare(path, operator, self.literal()?))
    }

    fn operator(&mut self) -> Result<Operator, Malformed> {
        if self.accept("LIKE") {
            return Ok(Operator::Like);
        }
        let operator = match self.peek() {
            Token::Symbol("=") => Operator::Equal,
            Token::Symbol("!=" | "<>") => Operator::NotEqual,
            Token::Symbol("<") => Operator::Less,
            Token::Symbol("<=") => Operator::LessOrEqual,
            Token::Symbol(">") => Operator::Greater,
            Token::Symbol(">=") => Operator::GreaterOrEqual,
            _ => return Err(self.unexpected()),
        };
        self.position += 1;
        Ok(operator)
    }

    fn literals(&mut self) -> Result<Vec<Literal>, Malformed> {
        self.expect_symbol("(")?;
        let mut literals = vec![self.literal()?];
        while self.accept_symbol(",") {
            literals.push(self.literal()?);
        }
        self.expect_symbol(")")?;
        Ok(literals)
    }

    fn literal(&mut self) -> Result<Literal, Malformed> {
        if let Token::Text(text) = self.peek() {
            let literal = Literal::Text(text.clone());
            self.position += 1;
            return Ok(literal);
        }
        let at = self.unexpected();
        let word = self.word()?;
        match word.to_ascii_lowercase().as_str() {
            "null" => Ok(Literal::Null),
            "true" => Ok(Literal::Boolean(true)),
            "false" => Ok(Literal::Boolean(false)),
            _ if word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) => Ok(Literal::Bare(word)),
            _ => Err(at),
        }
    }

    fn order(&mut self) -> Result<Order, Malformed> {
        let path = self.path()?;
        let descending = self.accept("DESC");
        if !descending {
            self.accept("ASC");
        }
        let mut nulls_last = false;
        if self.accept("NULLS") {
            nulls_last = self.accept("LAST");
            if !nulls_last {
                self.expect("FIRST")?;
            }
        }
        Ok(Order { path, descending, nulls_last })
    }

    fn count(&mut self) -> Result<usize, Malformed> {
        let unexpected = self.unexpected();
        self.word()?.parse().map_err(|_| unexpected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_with_parents_children_and_conditions_is_parsed() {
        let query = parse(
            "SELECT Id, Account.Name, (SELECT Id FROM OpportunityLineItems ORDER BY SortOrder NULLS LAST, Id) FROM Opportunity \
             WHERE (Name LIKE 'A%' OR NOT Amount >= 10.5) AND Id IN ('a', 'b') AND CloseDate != null ORDER BY Name DESC LIMIT 3 OFFSET 1",
        )
        .unwrap();
        assert_eq!((query.select.len(), query.limit, query.offset), (3, Some(3), 1));
        assert!(matches!(&query.filter, Some(Filter::And(parts)) if parts.len() == 3));
        assert!(matches!(&query.select[2], Selected::Children(child) if child.order.len() == 2 && child.order[0].nulls_last));
    }

    #[test]
    fn what_is_not_a_query_is_refused_at_its_place() {
        for (text, at, met) in [
            ("SELECT FROM Account", 12, "Account"),
            ("SELECT Id FROM Account WHERE", 28, "<EOF>"),
            ("SELECT Id FROM Account WHERE Name = Foo", 36, "Foo"),
            ("SELECT Id FROM Account; DROP", 22, ";"),
            ("SELECT Id FROM Account WHERE Name = 'open", 36, "'"),
            ("SELECT Id,, Name FROM Account", 10, ","),
            ("SELECT COUNT FROM Account GROUP", 26, "GROUP"),
        ] {
            let malformed = parse(text).unwrap_err();
            assert_eq!((malformed.at, malformed.met.as_str()), (at, met), "{text}");
        }
    }

    #[test]
    fn what_lies_too_deep_is_refused() {
        for (before, after) in [("(", ")"), ("NOT ", "")] {
            let nested = |depth: usize| format!("SELECT Id FROM A WHERE {}Id = null{}", before.repeat(depth), after.repeat(depth));
            assert!(parse(&nested(DEEPEST)).is_ok());
            assert!(parse(&nested(100_000)).is_err());
        }
        assert!(parse(&"SELECT (".repeat(100_000)).is_err());
    }

    #[test]
    fn a_text_literal_keeps_its_escapes() {
        let query = parse(r"SELECT Id FROM Account WHERE Name = 'O\'Neil \\ Sons'").unwrap();
        assert!(matches!(query.filter, Some(Filter::Compare(_, Operator::Equal, Literal::Text(text))) if text == r"O'Neil \ Sons"));
    }
}
