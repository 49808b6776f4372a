//! What compiles, and what a mistake looks like to a plugin's author.

#[test]
fn plugins_compile_and_mistakes_are_explained() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/works/*.rs");
    cases.compile_fail("tests/mistakes/*.rs");
}
