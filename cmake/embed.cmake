# bide_embed(source path file [path file]...) writes a C++ source that holds files of the tree, each
# with its path on the server, for documents() of web/documents.hpp. The assembler reads the files, so
# that they cost nothing but their size; the source is compiled again when one of them changes.
set(BIDE_TYPE_css "text/css; charset=utf-8")
set(BIDE_TYPE_html "text/html; charset=utf-8")
set(BIDE_TYPE_js "text/javascript; charset=utf-8")
set(BIDE_TYPE_json "application/json")
set(BIDE_TYPE_md "text/plain; charset=utf-8") # as text/markdown browsers would save it
set(BIDE_TYPE_svg "image/svg+xml")
set(BIDE_TYPE_yaml "application/yaml")

function(bide_embed source)
    set(text "#include \"web/documents.hpp\"\n")
    set(entries "")
    set(number 0)
    while(ARGN)
        list(POP_FRONT ARGN path file)
        set(file ${PROJECT_SOURCE_DIR}/${file})
        list(APPEND files ${file})
        string(REGEX REPLACE ".*\\." "" ending ${file})
        set(name bide_document_${number})
        string(APPEND text "
extern \"C\" const char ${name}[], ${name}_end[];
asm(\".pushsection .rodata\\n\"
    \"${name}: .incbin \\\"${file}\\\"\\n\"
    \"${name}_end: .byte 0\\n\"
    \".popsection\");
")
        string(APPEND entries "
        {\"${path}\", \"${BIDE_TYPE_${ending}}\", {${name}, ${name}_end}},")
        math(EXPR number "${number} + 1")
    endwhile()
    string(APPEND text "
std::span<const bide::EmbeddedDocument> bide::documents() {
    static const EmbeddedDocument all[] = {${entries}
    };
    return all;
}
")
    file(CONFIGURE OUTPUT ${source} CONTENT "${text}" @ONLY)
    set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${files}")
endfunction()
