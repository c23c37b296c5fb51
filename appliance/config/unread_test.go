package config

import (
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// loading are the files of this package that handle every key alike. Reading a field there does not use it.
var loading = []string{"config.go", "keys.go", "load.go", "reference.go", "validate.go"}

// Every key must have an effect: code outside this package must read each field of Config, or call a function of this
// package that does.
func TestConfiguration_EveryKeyIsReadBySomeone(t *testing.T) {
	read := fieldsRead(t)
	for _, key := range Keys() {
		if isFileOfAnother(key.Name) {
			continue // Load reads it into the secret itself
		}
		at := reflect.TypeFor[Config]().FieldByIndex(key.index[:len(key.index)-1]).Type.Name()
		if !read[at+"."+key.Field] {
			t.Errorf("nothing reads %s (the field %s.%s)", key.Name, at, key.Field)
		}
	}
	// The keys of games reach their readers as tables.
	for i := range reflect.TypeFor[Table]().NumField() {
		if field := reflect.TypeFor[Table]().Field(i).Name; field != "Game" && !read["Table."+field] {
			t.Errorf("nothing reads the field Table.%s", field)
		}
	}
}

func isFileOfAnother(name string) bool {
	other, isFile := strings.CutSuffix(name, "-file")
	return isFile && slices.ContainsFunc(Keys(), func(k Key) bool { return k.Name == other && k.InFile })
}

// fieldsRead type-checks the whole module, without tests, and lists the fields of this package's structs that it reads,
// such as "Data.Dir". An assignment is not a read.
func fieldsRead(t *testing.T) map[string]bool {
	t.Helper()
	loaded, err := packages.Load(&packages.Config{Mode: packages.LoadSyntax}, "imperio/...")
	if err != nil {
		t.Fatal(err)
	}
	if packages.PrintErrors(loaded) > 0 {
		t.Fatal("the module does not compile")
	}
	const here = "imperio/appliance/config"
	if !slices.ContainsFunc(loaded, func(p *packages.Package) bool { return p.PkgPath == here }) {
		t.Fatal("the configuration is not among the packages that were loaded")
	}

	called := make(map[string]bool) // functions of this package that other packages use
	for _, p := range loaded {
		for _, object := range p.TypesInfo.Uses {
			if f, ok := object.(*types.Func); ok && p.PkgPath != here && f.Pkg() != nil && f.Pkg().Path() == here {
				called[f.FullName()] = true
			}
		}
	}
	read := make(map[string]bool)
	for _, p := range loaded {
		for i, file := range p.Syntax {
			if p.PkgPath == here && slices.Contains(loading, filepath.Base(p.CompiledGoFiles[i])) {
				continue
			}
			for _, declaration := range file.Decls {
				f, ok := declaration.(*ast.FuncDecl)
				if ok && p.PkgPath == here && !called[p.TypesInfo.Defs[f.Name].(*types.Func).FullName()] {
					continue
				}
				addReads(read, p.TypesInfo, declaration, here)
			}
		}
	}
	return read
}

func addReads(read map[string]bool, info *types.Info, in ast.Node, here string) {
	written := make(map[ast.Expr]bool)
	ast.Inspect(in, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok == token.ASSIGN {
				for _, target := range n.Lhs {
					written[ast.Unparen(target)] = true
				}
			}
		case *ast.SelectorExpr:
			selection := info.Selections[n]
			if selection == nil || selection.Kind() != types.FieldVal || written[n] {
				break
			}
			of := selection.Recv()
			if pointer, ok := of.Underlying().(*types.Pointer); ok {
				of = pointer.Elem()
			}
			if named, ok := types.Unalias(of).(*types.Named); ok && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == here {
				read[named.Obj().Name()+"."+n.Sel.Name] = true
			}
		}
		return true
	})
}
