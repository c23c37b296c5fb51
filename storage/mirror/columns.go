package mirror

import (
	"context"
	"encoding/binary"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// column is an array of values of one type, for a statement that writes many rows at once. Its values have the form that those
// of COPY have.
type column struct {
	copyRows
	oid uint32 // of the values
}

// arrays are the types of arrays, by the type of their values.
var arrays = map[uint32]uint32{
	pgtype.Int8OID: pgtype.Int8ArrayOID, pgtype.TextOID: pgtype.TextArrayOID, pgtype.TimestamptzOID: pgtype.TimestamptzArrayOID,
	pgtype.BoolOID: pgtype.BoolArrayOID, pgtype.JSONBOID: pgtype.JSONBArrayOID,
}

// array is the binary form of the array: one dimension, which may have NULLs, counted from 1.
func (c *column) array(values int) []byte {
	head := make([]byte, 0, 20+len(c.data))
	for _, n := range [...]uint32{1, 1, c.oid, uint32(values), 1} {
		head = binary.BigEndian.AppendUint32(head, n)
	}
	return append(head, c.data...)
}

// execColumns runs a statement whose parameters are columns of so many values. It returns how many rows it has changed.
func execColumns(ctx context.Context, conn *pgx.Conn, statement string, values int, columns ...*column) (changed int64, err error) {
	var parameters [][]byte
	var types []uint32
	for _, c := range columns {
		parameters, types = append(parameters, c.array(values)), append(types, arrays[c.oid])
	}
	r := conn.PgConn().ExecParams(ctx, statement, parameters, types, []int16{pgx.BinaryFormatCode}, nil).Read()
	return r.CommandTag.RowsAffected(), r.Err
}
