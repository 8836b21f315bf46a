# schema/NAME/NNN_what.sql -> a C file with `const struct db_step NAME_steps[]` and NAME_step_count.
#
# Included by CMakeLists.txt it defines doorstep_schema(); run with `cmake -P` it does the work at
# build time, so that a changed step is built in without configuring anew.

# doorstep_schema(target NAME): build schema/NAME into target.
function(doorstep_schema target name)
  set(folder ${PROJECT_SOURCE_DIR}/schema/${name})
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${name}_steps.c)
  file(GLOB steps CONFIGURE_DEPENDS ${folder}/[0-9][0-9][0-9]_*.sql)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DFOLDER=${folder} -DOUTPUT=${output}
            -P ${PROJECT_SOURCE_DIR}/src/db/embed.cmake
    DEPENDS ${steps} ${PROJECT_SOURCE_DIR}/src/db/embed.cmake VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()

if(NOT CMAKE_SCRIPT_MODE_FILE)
  return()
endif()

file(GLOB steps ${FOLDER}/[0-9][0-9][0-9]_*.sql)
list(SORT steps)
set(rows "")
foreach(step IN LISTS steps)
  get_filename_component(base ${step} NAME)
  file(READ ${step} sql)
  string(REPLACE "\\" "\\\\" sql "${sql}")
  string(REPLACE "\"" "\\\"" sql "${sql}")
  string(REPLACE "\n" "\\n\"\n     \"" sql "${sql}")
  string(APPEND rows "    {\"${base}\",\n     \"${sql}\"},\n")
endforeach()
file(WRITE ${OUTPUT} "/* Made from schema/${NAME} by src/db/embed.cmake. */
#include \"doorstep/db.h\"

extern const struct db_step ${NAME}_steps[];
extern const unsigned ${NAME}_step_count;

const struct db_step ${NAME}_steps[] = {
${rows}};
const unsigned ${NAME}_step_count = sizeof(${NAME}_steps) / sizeof(${NAME}_steps[0]);
")
