//! What a component consists of, counted and validated before it is compiled: no compiler meets what is too much of
//! anything, or wrong.
//!
//! Owns which limit bounds what. Knows nothing of the contract.

use host_base::Limits;
use wasmparser::{
    BinaryReader, ComponentType, ComponentTypeDeclaration, CoreType, FunctionBody, Parser, Payload,
    Validator,
};

use crate::inspect::{self, Problem};
use crate::setup::FEATURES;

/// A component's type that holds declarations of a component or of an instance begins with one of these.
const HOLDS_DECLARATIONS: [u8; 2] = [0x41, 0x42];
/// A declaration that is a type begins with it.
const IS_TYPE: u8 = 0x01;

/// Counts what the component consists of.
pub(crate) fn count(bytes: &[u8], limits: &Limits) -> Result<(), Problem> {
    let mut counts = Counts::new(limits);
    counts.all(bytes).map_err(|stopped| match stopped {
        Stopped::Damaged(error) => inspect::damaged(&error),
        Stopped::TooMuch(problem) => problem,
    })
}

/// Checks all that WebAssembly demands of it.
pub(crate) fn validate(bytes: &[u8]) -> Result<(), Problem> {
    let mut validator = Validator::new_with_features(FEATURES);
    match validator.validate_all(bytes) {
        Ok(_) => Ok(()),
        Err(error) => Err(Problem::new(
            format!("it is not valid: {error}"),
            "Build it anew, without experimental features of WebAssembly and of WASI 0.3",
        )),
    }
}

enum Stopped {
    Damaged(wasmparser::Error),
    TooMuch(Problem),
}

impl From<wasmparser::Error> for Stopped {
    fn from(error: wasmparser::Error) -> Stopped {
        Stopped::Damaged(error)
    }
}

/// How much there is of something, and may be.
struct Count {
    what: &'static str,
    limit: &'static str,
    max: usize,
    found: usize,
}

impl Count {
    fn new(what: &'static str, limit: &'static str, max: usize) -> Count {
        Count {
            what,
            limit,
            max,
            found: 0,
        }
    }

    /// There is more of it.
    fn add(&mut self, more: impl TryInto<usize>) -> Result<(), Stopped> {
        let more = more.try_into().unwrap_or(usize::MAX);
        self.reach(self.found.saturating_add(more))
    }

    /// There is as much of it at once.
    fn reach(&mut self, found: usize) -> Result<(), Stopped> {
        self.found = found;
        if found <= self.max {
            return Ok(());
        }
        let Count {
            what, limit, max, ..
        } = self;
        Err(Stopped::TooMuch(Problem::new(
            format!("it has at least {found} {what}, and the limit `{limit}` is {max}"),
            "Make it smaller, or have whoever runs the host raise the limit",
        )))
    }
}

struct Counts {
    functions: Count,
    function_bytes: Count,
    function_locals: Count,
    types: Count,
    type_depth: Count,
    imports: Count,
    exports: Count,
    aliases: Count,
    modules: Count,
    instances: Count,
    depth: Count,
    globals: Count,
    memories: Count,
    tables: Count,
    segments: Count,
    data_bytes: Count,
}

impl Counts {
    #[rustfmt::skip]
    fn new(limits: &Limits) -> Counts {
        Counts {
            functions: Count::new("functions", "component_functions_max", limits.component_functions_max),
            function_bytes: Count::new("bytes in one function", "component_function_bytes_max", limits.component_function_bytes_max),
            function_locals: Count::new("local variables in one function", "component_function_locals_max", limits.component_function_locals_max),
            types: Count::new("types", "component_types_max", limits.component_types_max),
            type_depth: Count::new("levels of types in types", "component_type_depth_max", limits.component_type_depth_max),
            imports: Count::new("imports", "component_imports_max", limits.component_imports_max),
            exports: Count::new("exports", "component_exports_max", limits.component_exports_max),
            aliases: Count::new("aliases", "component_aliases_max", limits.component_aliases_max),
            modules: Count::new("modules and components in it", "component_modules_max", limits.component_modules_max),
            instances: Count::new("instances", "component_instances_max", limits.component_instances_max),
            depth: Count::new("levels of components in components", "component_depth_max", limits.component_depth_max),
            globals: Count::new("global variables", "component_globals_max", limits.component_globals_max),
            memories: Count::new("memories", "component_memories_max", limits.component_memories_max),
            tables: Count::new("tables", "component_tables_max", limits.component_tables_max),
            segments: Count::new("pieces of data", "component_segments_max", limits.component_segments_max),
            data_bytes: Count::new("bytes of data", "component_data_bytes_max", limits.component_data_bytes_max),
        }
    }

    fn all(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            match payload {
                Payload::Version { .. } => {
                    depth = depth.saturating_add(1);
                    self.depth.reach(depth)?;
                }
                Payload::End(_) => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.of_module(&payload)?;
            self.of_component(payload, bytes)?;
        }
        Ok(())
    }

    fn of_module(&mut self, payload: &Payload<'_>) -> Result<(), Stopped> {
        match payload {
            Payload::TypeSection(groups) => {
                for group in groups.clone() {
                    self.types.add(group?.types().len())?;
                }
                Ok(())
            }
            Payload::ImportSection(imports) => self.imports.add(imports.count()),
            Payload::FunctionSection(functions) => self.functions.add(functions.count()),
            Payload::TableSection(tables) => self.tables.add(tables.count()),
            Payload::MemorySection(memories) => self.memories.add(memories.count()),
            Payload::GlobalSection(globals) => self.globals.add(globals.count()),
            Payload::ExportSection(exports) => self.exports.add(exports.count()),
            Payload::ElementSection(segments) => {
                self.segments.add(segments.count())?;
                self.data_bytes.add(segments.range().len())
            }
            Payload::DataSection(segments) => {
                self.segments.add(segments.count())?;
                self.data_bytes.add(segments.range().len())
            }
            Payload::CodeSectionEntry(body) => self.function(body),
            _ => Ok(()),
        }
    }

    fn function(&mut self, body: &FunctionBody<'_>) -> Result<(), Stopped> {
        self.function_bytes.reach(body.range().len())?;
        self.function_locals.reach(0)?;
        for local in body.get_locals_reader()? {
            let (many, _) = local?;
            self.function_locals.add(many)?;
        }
        Ok(())
    }

    fn of_component(&mut self, payload: Payload<'_>, bytes: &[u8]) -> Result<(), Stopped> {
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => self.modules.add(1),
            Payload::InstanceSection(instances) => self.instances.add(instances.count()),
            Payload::ComponentInstanceSection(instances) => self.instances.add(instances.count()),
            Payload::CoreTypeSection(types) => {
                for one in types {
                    self.core_type(&one?)?;
                }
                Ok(())
            }
            Payload::ComponentTypeSection(types) => {
                let section = bytes.get(types.range()).unwrap_or_default();
                self.component_types(BinaryReader::new(section, types.range().start))
            }
            Payload::ComponentAliasSection(aliases) => self.aliases.add(aliases.count()),
            Payload::ComponentCanonicalSection(functions) => self.functions.add(functions.count()),
            Payload::ComponentImportSection(imports) => self.imports.add(imports.count()),
            Payload::ComponentExportSection(exports) => self.exports.add(exports.count()),
            _ => Ok(()),
        }
    }

    fn core_type(&mut self, one: &CoreType<'_>) -> Result<(), Stopped> {
        self.types.add(match one {
            CoreType::Rec(group) => group.types().len(),
            CoreType::Module(declarations) => declarations.len().saturating_add(1),
        })
    }

    /// Counts the types of a section and the declarations that they hold. wasmparser reads a type in a type by calling
    /// itself, and a crafted file would exhaust the stack: here nothing is read that holds another one.
    fn component_types(&mut self, mut section: BinaryReader<'_>) -> Result<(), Stopped> {
        // How many are left to be read: of the section first, then of each type that is open.
        let mut left = vec![section.read_var_u32()?];
        while let Some(here) = left.last_mut() {
            if *here == 0 {
                left.pop();
                continue;
            }
            *here -= 1;
            self.types.add(1)?;
            if left.len() > 1 && !is_type(&mut section)? {
                section.read::<ComponentTypeDeclaration<'_>>()?;
            } else if let Some(held) = opened(&mut section)? {
                left.push(held);
                self.type_depth.reach(left.len())?;
            } else {
                section.read::<ComponentType<'_>>()?;
            }
        }
        Ok(())
    }
}

/// Whether the next declaration is a type, and that comes next then.
fn is_type(declarations: &mut BinaryReader<'_>) -> wasmparser::Result<bool> {
    let is_type = next(declarations)? == IS_TYPE;
    if is_type {
        declarations.read_u8()?;
    }
    Ok(is_type)
}

/// How many declarations the next type holds, which come next then; none where it holds none.
fn opened(types: &mut BinaryReader<'_>) -> wasmparser::Result<Option<u32>> {
    if !HOLDS_DECLARATIONS.contains(&next(types)?) {
        return Ok(None);
    }
    types.read_u8()?;
    types.read_var_u32().map(Some)
}

fn next(reader: &BinaryReader<'_>) -> wasmparser::Result<u8> {
    reader.clone().read_u8()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::{self, Flavour};

    fn told(problem: Result<(), Problem>) -> String {
        problem.map_or_else(|problem| problem.of("f").to_string(), |()| String::new())
    }

    fn component(text: &str) -> Vec<u8> {
        wat::parse_str(format!("(component {text})")).unwrap()
    }

    /// Checks that so many are told where one less is allowed, and are fine where they are allowed.
    #[track_caller]
    fn bounds(limit: &str, set: fn(&mut Limits) -> &mut usize, found: usize, text: &str) {
        let bytes = component(text);
        let mut limits = Limits::default();
        *set(&mut limits) = found;
        assert_eq!(told(count(&bytes, &limits)), "", "{limit}");
        *set(&mut limits) = found - 1;
        let told = told(count(&bytes, &limits));
        let (has, max) = (
            format!("at least {found} "),
            format!("`{limit}` is {}", found - 1),
        );
        assert!(
            told.contains(&has) && told.contains(&max),
            "{limit}: {told}"
        );
    }

    #[test]
    fn what_a_component_consists_of_is_bounded_by_limits_with_names() {
        let module = "(core module (type (func)) (func) (func) (global i32 (i32.const 0)) (memory 0) (table 0 funcref)
            (export \"f\" (func 0)) (data \"12345\") (elem func 0))";
        bounds(
            "component_functions_max",
            |it| &mut it.component_functions_max,
            2,
            module,
        );
        bounds(
            "component_globals_max",
            |it| &mut it.component_globals_max,
            1,
            module,
        );
        bounds(
            "component_memories_max",
            |it| &mut it.component_memories_max,
            1,
            module,
        );
        bounds(
            "component_tables_max",
            |it| &mut it.component_tables_max,
            1,
            module,
        );
        bounds(
            "component_exports_max",
            |it| &mut it.component_exports_max,
            1,
            module,
        );
        bounds(
            "component_segments_max",
            |it| &mut it.component_segments_max,
            2,
            module,
        );
        bounds(
            "component_data_bytes_max",
            |it| &mut it.component_data_bytes_max,
            13,
            module,
        );
    }

    #[test]
    fn what_holds_a_component_together_is_bounded_by_limits_with_names() {
        let modules =
            "(core module $m) (core instance $i (instantiate $m)) (core instance (instantiate $m))";
        bounds(
            "component_instances_max",
            |it| &mut it.component_instances_max,
            2,
            modules,
        );
        bounds(
            "component_modules_max",
            |it| &mut it.component_modules_max,
            1,
            modules,
        );
        let imports = "(import \"a\" (func $a)) (core module (import \"a\" \"b\" (func))) (core func (canon lower (func $a)))";
        bounds(
            "component_imports_max",
            |it| &mut it.component_imports_max,
            2,
            imports,
        );
        bounds(
            "component_functions_max",
            |it| &mut it.component_functions_max,
            1,
            imports,
        );
        let alias =
            "(import \"a\" (instance $a (export \"f\" (func)))) (alias export $a \"f\" (func))";
        bounds(
            "component_aliases_max",
            |it| &mut it.component_aliases_max,
            1,
            alias,
        );
    }

    #[test]
    fn what_a_function_consists_of_is_bounded_by_limits_with_names() {
        let locals = "(core module (func (local i32 i32 i64)) (func (local i32)))";
        bounds(
            "component_function_locals_max",
            |it| &mut it.component_function_locals_max,
            3,
            locals,
        );
        let nops = "(core module (func nop nop nop nop) (func))";
        bounds(
            "component_function_bytes_max",
            |it| &mut it.component_function_bytes_max,
            6,
            nops,
        );
    }

    #[test]
    fn types_are_counted_wherever_they_are_and_so_is_how_deep_they_lie() {
        bounds(
            "component_types_max",
            |it| &mut it.component_types_max,
            2,
            "(core module (type (func)) (type (func (param i32))))",
        );
        bounds(
            "component_types_max",
            |it| &mut it.component_types_max,
            3,
            "(core type (module (import \"a\" \"b\" (func))))",
        );
        let nested = "(type (component (type u8) (type (instance (type string) (export \"s\" (type (eq 0))))))) (type u8)";
        bounds(
            "component_types_max",
            |it| &mut it.component_types_max,
            6,
            nested,
        );
        bounds(
            "component_type_depth_max",
            |it| &mut it.component_type_depth_max,
            3,
            nested,
        );
        bounds(
            "component_depth_max",
            |it| &mut it.component_depth_max,
            3,
            "(component (component))",
        );
    }

    /// A component with a type in a type in a type, as deep as said.
    fn deep(levels: usize) -> Vec<u8> {
        let opens_one = [HOLDS_DECLARATIONS[1], 1, IS_TYPE];
        let mut section = vec![1];
        section.extend(opens_one.into_iter().cycle().take(levels * opens_one.len()));
        section.extend([HOLDS_DECLARATIONS[1], 0]);
        let mut bytes = component("");
        bytes.push(7);
        let mut size = section.len();
        while size > 0x7f {
            bytes.push((size & 0x7f) as u8 | 0x80);
            size >>= 7;
        }
        bytes.push(size as u8);
        bytes.extend(section);
        bytes
    }

    #[test]
    fn types_in_types_do_not_exhaust_the_stack() {
        let limits = Limits::default();
        assert_eq!(told(count(&deep(14), &limits)), "");
        assert_eq!(told(validate(&deep(14))), "");
        let told = told(count(&deep(10_000_000), &limits));
        assert!(told.contains("`component_type_depth_max` is 16"), "{told}");
    }

    #[test]
    fn what_is_cut_off_is_damaged() {
        let whole = component("(core module (func)) (type (component (type u8)))");
        for end in 8..whole.len() {
            let told = told(
                count(&whole[..end], &Limits::default()).and_then(|()| validate(&whole[..end])),
            );
            // Where a section ends, so may the file.
            let is_whole = told.is_empty();
            assert!(
                is_whole || told.contains("is damaged") || told.contains("not valid"),
                "{told}"
            );
        }
    }

    #[test]
    fn the_checks_and_the_compiler_agree_on_what_webassembly_is() {
        let engine = setup::engine(Flavour::Plain, 1).unwrap();
        let texts = [
            (
                "(core module (func (result v128) v128.const i64x2 1 2))",
                true,
            ),
            ("(core module (memory 0) (memory 0))", true),
            ("(core module (memory i64 0))", true),
            ("(core module (func $f return_call $f))", true),
            ("(core module (tag))", false),
            ("(core module (memory 1 1 shared))", false),
            ("(core module (type (struct)))", false),
            (
                "(core module (func (drop (i31.get_s (ref.i31 (i32.const 0))))))",
                false,
            ),
            ("(core func (canon task.cancel))", false),
            ("(core module (func i32.const 0))", false),
        ];
        for (text, is_valid) in texts {
            let bytes = component(text);
            assert_eq!(told(validate(&bytes)).is_empty(), is_valid, "{text}");
            assert_eq!(
                engine.precompile_component(&bytes).is_ok(),
                is_valid,
                "{text}"
            );
        }
    }
}
