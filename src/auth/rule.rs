//! Rules over claims, in CEL (the Common Expression Language). The programs are the operator's,
//! the claims are the issuer's, and neither may bring the process down.

use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use cel::common::types::{CelBool, CelList, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Env, ExecutionError, ParseError, ParseErrors, Program, Value};

use super::Tenant;
use super::claims::Claims;
use crate::error::Error;

/// The most tenants of one token.
const TENANTS_MAX: usize = 256;

/// The longest program, in bytes.
const TEXT_BYTES_MAX: usize = 4096;

/// The deepest program, in levels of its syntax tree: evaluation takes stack for each, up to some
/// 40 KiB in an unoptimized build. Chains of `&&` and `||` do not count, the parser balances them.
const DEPTH_MAX: usize = 24;

/// The stack a program is compiled on. The parser recurses along chains of operators, which a
/// short text can make thousands long, before anybody can measure them.
const COMPILER_STACK_BYTES: usize = 64 * 1024 * 1024;

/// Functions and types, made once: those of CEL's standard library and of its strings extension,
/// since OAuth's `scope` (RFC 6749 section 3.3) is a list that has to be split.
static STANDARD: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    // It fails only if two overloads collide, and then every rule that splits is refused.
    if let Err(error) = env.add_extension(cel::extensions::strings) {
        tracing::error!(%error, "rules have no functions on strings");
    }
    Arc::new(env)
});

/// A compiled program whose only variable is `claims`.
#[derive(Debug)]
pub struct Rule {
    text: String,
    program: Program,
}

impl Rule {
    /// Compiles a program.
    ///
    /// # Errors
    /// The text says what is wrong: syntax, a variable other than `claims`, too long or too deep.
    /// Functions that do not exist are found only when the rule is evaluated, and then refuse.
    pub fn compile(text: &str) -> Result<Self, String> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(format!("the rule is longer than {TEXT_BYTES_MAX} bytes"));
        }
        let text = text.to_owned();
        std::thread::Builder::new()
            .name("rule-compiler".to_owned())
            .stack_size(COMPILER_STACK_BYTES)
            .spawn(move || Self::compile_here(text))
            .map_err(|error| format!("no thread to compile the rule on: {error}"))?
            .join()
            .map_err(|_| "the rule cannot be compiled".to_owned())?
    }

    /// Needs a large stack, to take apart a tree that is too deep as well as to build it.
    fn compile_here(text: String) -> Result<Self, String> {
        let program = STANDARD.compile(&text).map_err(|errors| first(&errors))?;
        check(program.expression(), &Scope::Global, DEPTH_MAX)?;
        Ok(Self { text, program })
    }

    /// The program as it was written. It decides alone what the rule yields for some claims.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the rule holds for the claims.
    ///
    /// # Errors
    /// [`Error::Forbidden`]: evaluation failed, or yields no bool.
    pub(super) fn permits(&self, claims: &Claims) -> Result<bool, Error> {
        self.evaluate(claims, |value| {
            value
                .downcast_ref::<CelBool>()
                .map(|verdict| *verdict.inner())
                .ok_or_else(|| Error::Forbidden("a rule yields no bool".into()))
        })
    }

    /// The tenants the claims name: one, or those to choose from.
    ///
    /// # Errors
    /// [`Error::Forbidden`]: evaluation failed, or yields nothing that can name tenants.
    pub(super) fn tenants(&self, claims: &Claims) -> Result<Vec<Tenant>, Error> {
        let tenants = self.evaluate(claims, |value| match value.downcast_ref::<CelList<'_>>() {
            Some(list) => list.inner().iter().map(|name| tenant(&**name)).collect(),
            None => Ok(vec![tenant(value)?]),
        })?;
        match tenants.len() {
            0 => Err(Error::Forbidden("the tenant rule yields an empty list".into())),
            1..=TENANTS_MAX => Ok(tenants),
            _ => Err(Error::Forbidden("the tenant rule yields too many tenants".into())),
        }
    }

    /// The text the rule yields.
    ///
    /// # Errors
    /// [`Error::Forbidden`]: evaluation failed, or yields no string.
    pub(super) fn text_of(&self, claims: &Claims) -> Result<String, Error> {
        self.evaluate(claims, |value| text(value).map(str::to_owned))
    }

    fn evaluate<T>(
        &self,
        claims: &Claims,
        read: impl FnOnce(&dyn Val) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let claims = Variables { claims: claims.value() };
        let mut context = Context::with_env(Arc::clone(&STANDARD));
        context.set_variable_resolver(&claims);
        match Value::resolve_val(self.program.expression(), &context) {
            Ok(value) => read(&*value),
            Err(error) => Err(Error::Forbidden(reason(&error).into())),
        }
    }
}

fn tenant(value: &dyn Val) -> Result<Tenant, Error> {
    Tenant::parse(text(value)?).map_err(|error| Error::Forbidden(error.to_string().into()))
}

fn text(value: &dyn Val) -> Result<&str, Error> {
    let text = value.downcast_ref::<CelString<'_>>();
    text.map(CelString::inner).ok_or_else(|| Error::Forbidden("a rule yields no string".into()))
}

/// The first of possibly thousands of errors, each of which would quote the whole program.
fn first(errors: &ParseErrors) -> String {
    match errors.errors.first() {
        Some(ParseError { pos: (line, column), msg, .. }) => {
            let start: String = msg.chars().take(200).collect();
            format!("line {line}, column {column}: {start}")
        }
        None => "the rule cannot be parsed".to_owned(),
    }
}

/// Lends the claims to a program: nothing is converted or copied per evaluation.
struct Variables<'c> {
    claims: &'c dyn Val,
}

impl VariableResolver for Variables<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        (variable == "claims").then(|| CowVal::Borrowed(self.claims))
    }
}

/// What went wrong, for the log, without the values of claims.
fn reason(error: &ExecutionError) -> &'static str {
    match error {
        ExecutionError::NoSuchKey(_) => "a rule asks for a claim that is not there",
        ExecutionError::UndeclaredReference(_) => "a rule calls a function that does not exist",
        ExecutionError::NoSuchOverload(_)
        | ExecutionError::UnexpectedType { .. }
        | ExecutionError::ValuesNotComparable(..) => "a claim has a type the rule cannot use",
        _ => "a rule cannot be evaluated",
    }
}

/// The names an expression may use.
enum Scope<'s> {
    Global,
    Inner { names: [&'s str; 3], outer: &'s Scope<'s> },
}

impl Scope<'_> {
    fn declares(&self, name: &str) -> bool {
        match self {
            Self::Global => {
                let name = name.strip_prefix('.').unwrap_or(name);
                name == "claims" || STANDARD.types().find_type(name).is_some()
            }
            Self::Inner { names, outer } => names.contains(&name) || outer.declares(name),
        }
    }
}

/// Refuses names nobody declares, and trees more than `levels` deep.
fn check(expression: &IdedExpr, scope: &Scope<'_>, levels: usize) -> Result<(), String> {
    let levels = levels
        .checked_sub(1)
        .ok_or_else(|| format!("the rule is nested more than {DEPTH_MAX} levels deep"))?;
    match &expression.expr {
        Expr::Literal(_) => Ok(()),
        Expr::Ident(name) if scope.declares(name) => Ok(()),
        Expr::Ident(name) => {
            Err(format!("`{name}` is not declared; the only variable is `claims`"))
        }
        Expr::Select(select) => check(&select.operand, scope, levels),
        Expr::List(list) => check_all(&list.elements, scope, levels),
        Expr::Call(call) => {
            // `optional.of(x)`: the target is a name space, not a variable.
            let target = call.target.as_deref().filter(|target| !is_namespace(target));
            check_all(target.into_iter().chain(&call.args), scope, levels)
        }
        Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
            EntryExpr::MapEntry(entry) => check_all([&entry.key, &entry.value], scope, levels),
            EntryExpr::StructField(_) => Err("a map has fields".to_owned()),
        }),
        Expr::Comprehension(loops) => {
            check_all([&loops.iter_range, &loops.accu_init], scope, levels)?;
            let second = loops.iter_var2.as_deref().unwrap_or(&loops.iter_var);
            let names = [loops.iter_var.as_str(), second, loops.accu_var.as_str()];
            let inner = Scope::Inner { names, outer: scope };
            check_all([&loops.loop_cond, &loops.loop_step, &loops.result], &inner, levels)
        }
        Expr::Struct(message) => Err(format!("`{}` is not a known type", message.type_name)),
        Expr::Unspecified => Err("the rule has an empty expression".to_owned()),
    }
}

fn check_all<'e>(
    expressions: impl IntoIterator<Item = &'e IdedExpr>,
    scope: &Scope<'_>,
    levels: usize,
) -> Result<(), String> {
    expressions.into_iter().try_for_each(|expression| check(expression, scope, levels))
}

fn is_namespace(target: &IdedExpr) -> bool {
    matches!(&target.expr, Expr::Ident(name) if ["optional", "strings"].contains(&name.as_str()))
}
