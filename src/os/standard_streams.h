/* Standard input, output and error are there. */
#pragma once

/* Puts /dev/null where whoever started the program closed one of them. Else the first file or
 * connection that is opened takes the number, and gets what is printed. */
void standard_streams_open(void);
