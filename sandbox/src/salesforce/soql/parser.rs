//! From words to the tree.

use super::days;
use super::tokens::{Token, tokens};
use super::{
    Aggregate, FieldSet, Filter, Function, Literal, Malformed, Operator, Order, Path, Query,
    Selected, Shown,
};

/// Parses a whole query.
pub fn parse(text: &str) -> Result<Query, Malformed> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens, position: 0, depth: 0 };
    let query = parser.query()?;
    if parser.peek() == &Token::End { Ok(query) } else { Err(parser.unexpected()) }
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    position: usize,
    /// How many conditions and queries lie around what comes next.
    depth: usize,
}

/// The words that may follow the name of an object.
const CLAUSES: [&str; 13] = [
    "USING", "WHERE", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "ALL", "AND",
    "OR", "NULLS",
];

/// Conditions and queries in each other; no query that means anything has as many.
pub(super) const DEEPEST: usize = 50;

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
        Malformed { at: self.at(), met, is_of_soql: false }
    }

    /// What an org would understand here.
    fn unknown(&self) -> Malformed {
        Malformed { is_of_soql: true, ..self.unexpected() }
    }

    /// Whether the next word is followed by a parenthesis.
    fn is_call(&self) -> bool {
        matches!(self.tokens.get(self.position + 1), Some((Token::Symbol("("), _)))
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
            name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
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
    fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
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
        let alias = self.alias(&CLAUSES)?;
        if matches!(self.peek(), Token::Symbol(",")) {
            return Err(self.unknown());
        }
        if self.accept("USING") {
            self.expect("SCOPE")?;
            self.word()?;
        }
        let filter = if self.accept("WHERE") { Some(self.filter()?) } else { None };
        if self.accept("WITH")
            && !["SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE"]
                .iter()
                .any(|mode| self.accept(mode))
        {
            return Err(self.unknown());
        }
        let mut group = Vec::new();
        let mut having = None;
        if self.accept("GROUP") {
            self.expect("BY")?;
            group.push(self.grouped()?);
            while self.accept_symbol(",") {
                group.push(self.grouped()?);
            }
            having = if self.accept("HAVING") { Some(self.filter()?) } else { None };
        }
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
        while self.accept("FOR") {
            if !["VIEW", "REFERENCE", "UPDATE"].iter().any(|purpose| self.accept(purpose)) {
                return Err(self.unexpected());
            }
        }
        if self.accept("ALL") {
            self.expect("ROWS")?;
        }
        let mut query = Query { select, from, filter, group, having, order, limit, offset };
        if let Some(alias) = alias {
            query.forget_alias(&alias);
        }
        Ok(query)
    }

    /// A name that is given to what stands before it.
    fn alias(&mut self, not: &[&str]) -> Result<Option<String>, Malformed> {
        let is_alias = matches!(self.peek(), Token::Word(word) if !not.iter().any(|other| word.eq_ignore_ascii_case(other)));
        if is_alias { Ok(self.path()?.names.pop()) } else { Ok(None) }
    }

    fn selected(&mut self) -> Result<Selected, Malformed> {
        if self.accept_symbol("(") {
            let query = self.nested(Self::query)?;
            self.expect_symbol(")")?;
            return Ok(Selected::Children(query));
        }
        if self.is_keyword("TYPEOF") {
            return Err(self.unknown());
        }
        if !self.is_call() {
            let path = self.path()?;
            // Only an aggregate query may rename a field; there it is as good as its name.
            if !matches!(self.peek(), Token::Symbol(_)) && !self.is_keyword("FROM") {
                return Err(self.unexpected());
            }
            return Ok(Selected::Path(path));
        }
        if self.is_keyword("COUNT")
            && matches!(self.tokens.get(self.position + 2), Some((Token::Symbol(")"), _)))
        {
            self.position += 3;
            return Ok(Selected::Count);
        }
        if self.accept("FIELDS") {
            self.expect_symbol("(")?;
            let sets = [
                ("ALL", FieldSet::All),
                ("STANDARD", FieldSet::Standard),
                ("CUSTOM", FieldSet::Custom),
            ];
            let set = sets
                .into_iter()
                .find(|(name, _)| self.accept(name))
                .ok_or_else(|| self.unexpected())?
                .1;
            self.expect_symbol(")")?;
            return Ok(Selected::Fields(set));
        }
        let shown = [
            ("toLabel", Shown::Label),
            ("FORMAT", Shown::Formatted),
            ("convertCurrency", Shown::Converted),
        ];
        if let Some((_, shown)) = shown.into_iter().find(|(name, _)| self.accept(name)) {
            self.expect_symbol("(")?;
            let path = self.path()?;
            self.expect_symbol(")")?;
            return Ok(Selected::Shown(shown, path, self.alias(&["FROM"])?));
        }
        let aggregate = self.aggregate()?;
        Ok(Selected::Aggregate(aggregate, self.alias(&["FROM"])?))
    }

    fn aggregate(&mut self) -> Result<Aggregate, Malformed> {
        let functions = [
            ("COUNT", Function::Count),
            ("COUNT_DISTINCT", Function::CountDistinct),
            ("SUM", Function::Sum),
            ("AVG", Function::Average),
            ("MIN", Function::Least),
            ("MAX", Function::Greatest),
        ];
        let Some((_, function)) = functions.into_iter().find(|(name, _)| self.is_keyword(name))
        else {
            return Err(self.unknown());
        };
        self.position += 1;
        self.expect_symbol("(")?;
        let path = self.path()?;
        self.expect_symbol(")")?;
        Ok(Aggregate { function, path })
    }

    /// A field, or an aggregate as a path of one name.
    fn operand(&mut self) -> Result<Path, Malformed> {
        if !self.is_call() {
            return self.path();
        }
        let at = self.at();
        Ok(Path { names: vec![self.aggregate()?.name()], at })
    }

    fn grouped(&mut self) -> Result<Path, Malformed> {
        if self.is_call() { Err(self.unknown()) } else { self.path() }
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
        let path = self.operand()?;
        if self.accept("IN") {
            return self.members(path);
        }
        if self.accept("NOT") {
            self.expect("IN")?;
            return Ok(Filter::Not(Box::new(self.members(path)?)));
        }
        if self.is_keyword("INCLUDES") || self.is_keyword("EXCLUDES") {
            return Err(self.unknown());
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

    /// What `IN` names: values, or a query for them.
    fn members(&mut self, path: Path) -> Result<Filter, Malformed> {
        let is_query = matches!(self.tokens.get(self.position + 1), Some((Token::Word(word), _)) if word.eq_ignore_ascii_case("SELECT"));
        if !is_query {
            return Ok(Filter::In(path, self.literals()?));
        }
        self.expect_symbol("(")?;
        let query = self.nested(Self::query)?;
        self.expect_symbol(")")?;
        Ok(Filter::InQuery(path, Box::new(query)))
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
            _ if word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) => {
                Ok(Literal::Bare(word))
            }
            // An amount of a currency: `USD5000`.
            _ if word.len() > 3
                && word.is_char_boundary(3)
                && word[..3].bytes().all(|byte| byte.is_ascii_uppercase())
                && word[3..].starts_with(|c: char| c.is_ascii_digit()) =>
            {
                Ok(Literal::Bare(word[3..].to_owned()))
            }
            _ if days::is_known(&word) => Ok(Literal::Days(word.to_ascii_uppercase())),
            _ => Err(at),
        }
    }

    fn order(&mut self) -> Result<Order, Malformed> {
        let path = self.operand()?;
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

impl Query {
    /// Takes the alias of the object from the paths that begin with it.
    fn forget_alias(&mut self, alias: &str) {
        let forget = |path: &mut Path| {
            if path.names.len() > 1 && path.names[0].eq_ignore_ascii_case(alias) {
                path.names.remove(0);
            }
        };
        for selected in &mut self.select {
            match selected {
                Selected::Path(path) | Selected::Shown(_, path, _) => forget(path),
                Selected::Aggregate(aggregate, _) => forget(&mut aggregate.path),
                Selected::Children(_) | Selected::Count | Selected::Fields(_) => {}
            }
        }
        self.group
            .iter_mut()
            .chain(self.order.iter_mut().map(|order| &mut order.path))
            .for_each(forget);
        self.filter.iter_mut().for_each(|filter| filter.each_path(&forget));
    }
}

impl Filter {
    fn each_path(&mut self, change: &impl Fn(&mut Path)) {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                for part in parts {
                    part.each_path(change);
                }
            }
            Self::Not(part) => part.each_path(change),
            Self::Compare(path, ..) | Self::In(path, _) | Self::InQuery(path, _) => change(path),
        }
    }
}
