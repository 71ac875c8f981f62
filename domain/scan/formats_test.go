package scan

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func npyOf(descr, data string) string {
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (1,), }\n", descr)
	return "\x93NUMPY\x01\x00" + string(binary.LittleEndian.AppendUint16(nil, uint16(len(header)))) + header + data
}

func safetensors(header, data string) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + data
}

// message is a protocol buffer of fields of bytes.
func message(fields ...any) string {
	var b []byte
	for i := 0; i+1 < len(fields); i += 2 {
		switch v := fields[i+1].(type) {
		case string:
			b = binary.AppendUvarint(b, uint64(fields[i].(int))<<3|2)
			b = append(binary.AppendUvarint(b, uint64(len(v))), v...)
		case int:
			b = binary.AppendUvarint(b, uint64(fields[i].(int))<<3)
			b = binary.AppendUvarint(b, uint64(v))
		}
	}
	return string(b)
}

func onnx(location string) string {
	tensor := message(1, 2, 2, 1, 8, "w", 13, message(1, "location", 2, location))
	node := message(4, "Constant", 5, message(1, "value", 5, tensor))
	return message(1, 8, 2, "pytorch", 7, message(1, node, 2, "g"), 8, message(2, 17))
}

func nestedONNX() string {
	graph := message(2, "g")
	for range 120 {
		graph = message(1, message(5, message(6, graph)))
	}
	return message(1, 8, 7, graph)
}

func savedModel(op string) string {
	return message(1, 1, 2, message(2, message(1, message(1, "n", 2, "Add"), 2, message(1, message(3, message(1, "n", 2, op))))))
}

func TestFormats(t *testing.T) {
	ok := `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[2],"data_offsets":[4,6]},"__metadata__":{"format":"pt"}}`
	check(t, []row{
		{"nothing.pkl", "", "empty clean"},
		{"m.safetensors", safetensors(ok, "123456"), "safetensors clean"},
		{"m.bin", safetensors(ok, "123456"), "safetensors clean"},
		{"more.safetensors", safetensors(ok, "1234567"), "safetensors inconclusive safetensors.offsets"},
		{"less.safetensors", safetensors(ok, "12345"), "safetensors inconclusive safetensors.offsets"},
		{"overlap.safetensors", safetensors(strings.Replace(ok, "[4,6]", "[3,6]", 1), "123456"), "safetensors inconclusive safetensors.offsets"},
		{"negative.safetensors", safetensors(strings.Replace(ok, "[0,4]", "[-4,4]", 1), "123456"), "safetensors inconclusive safetensors.offsets"},
		{"json.safetensors", safetensors(ok[1:], "123456"), "safetensors inconclusive safetensors.header"},
		{"short.safetensors", "\xff\xff\xff\xff\xff\xff\xff\xff{", "safetensors inconclusive safetensors.header"},
		{"pickle.safetensors", system, "pickle dangerous format.disguised pickle.dangerous os.system!"},
		{"m.gguf", "GGUF\x03\x00\x00\x00\x00\x00\x00\x00", "gguf clean"},
		{"both.gguf", "GGUF\x03\x00\x00\x00\x00cos\nsystem\n)R.", "gguf dangerous format.polyglot pickle.dangerous os.system!"},
		{"both.cbm", "CBM1" + strings.Repeat("x", 64) + "cos\nsystem\n)R.", "catboost dangerous format.polyglot pickle.dangerous os.system!"},
		{"m.onnx", onnx("weights.bin"), "onnx clean"},
		{"m", onnx("sub/weights.bin"), "onnx clean"},
		{"out.onnx", onnx("../../etc/passwd"), "onnx suspicious onnx.path"},
		{"absolute.onnx", onnx("/etc/passwd"), "onnx suspicious onnx.path"},
		{"long.onnx", onnx("../" + strings.Repeat("x", 5000)), "onnx suspicious onnx.path"},
		{"cut.onnx", onnx("../x")[:60], "unknown inconclusive format.mismatch format.unknown"},
		{"saved_model.pb", savedModel("Mul"), "savedmodel clean"},
		{"writes/saved_model.pb", savedModel("WriteFile"), "savedmodel suspicious tensorflow.op"},
		{"keras_metadata.pb", message(1, message(1, `{"class_name":"Lambda"}`)), "protobuf suspicious keras.lambda"},
		{"variables.data-00000-of-00001", "\x00\x01\x02", "tensors clean"},
		{"m.h5", "\x89HDF\r\n\x1a\n\x00" + `{"class_name": "Dense"}`, "hdf5 clean"},
		{"lambda.h5", "\x89HDF\r\n\x1a\n" + strings.Repeat("\x00", 1<<20-20) + `{"class_name" : "Lambda"}`, "hdf5 suspicious keras.lambda"},
		{"escaped.h5", "\x89HDF\r\n\x1a\n" + `{"class_name": "L\u0061mbda"}`, "hdf5 suspicious format.escaped"},
		{"config.json", `{"module": "builtins", "config": NaN, "class_name": "eval"}`, "json dangerous keras.dangerous builtins.eval"},
		{"fine.json", `{"module": "keras.layers", "class_name": "Dense", "text": "\u00e9\u003c"}`, "json clean"},
		{"m.ubj", "{L\x00\x00\x00\x00\x00\x00\x00\x07learner{", "xgboost clean"},
		{"xgb.json", `{"learner":{"attributes":{}}}`, "xgboost clean"},
		{"lgb.txt", "tree\nversion=v4\nnum_class=1\n", "lightgbm clean"},
		{"m.cbm", "CBM1\x00\x00\x00\x00", "catboost clean"},
		{"m.tflite", "\x1c\x00\x00\x00TFL3\x00", "tflite clean"},
		{"lib.so", "\x7fELF\x02\x01", "native suspicious code.native"},
		{"a.pyc", "\xa7\x0d\x0d\x0a\x00\x00\x00\x00", "native suspicious code.native"},
		{"a.npy", npyOf("<f8", "12345678"), "npy clean"},
		{"o.npy", npyOf("|O", system), "npy dangerous pickle.dangerous os.system!"},
		{"escaped.npy", npyOf(`|\x4f`, system), "npy dangerous pickle.dangerous os.system!"},
		{"text.npy", npyOf(`|O`, "cos\nsystem\n."), "npy dangerous pickle.dangerous os.system"},
		{"escaped2.npy", npyOf(`|\x4f`, "xx"), "npy inconclusive npy.header"},
		{"cut.npy", "\x93NUMPY\x01\x00\xff\xff", "npy inconclusive npy.header"},
		{"code.py", "import os\n", "python notice code.included"},
		{"run", "#!/bin/sh\nls\n", "script notice code.included"},
		{"a.ipynb", "{}", "notebook notice code.included"},
		{"MLmodel", "artifact_path: model\nflavors:\n  python_function:\n    env: conda.yaml\n", "mlmodel clean"},
		{"conda.yaml", "dependencies:\n- python=3.11\n", "yaml clean"},
		{"bad.yaml", "a: !!python/object/apply:os.system ['ls']\n", "yaml suspicious yaml.python"},
		{"a.txt", "gr\u00fcn\n", "text clean"},
		{"latin1.txt", "gr\xfcn\n", "unknown inconclusive format.unknown"},
		{"a.png", "\x89PNG\r\n\x1a\n", "image clean"},
		{"b.png", "text", "text inconclusive format.mismatch"},
		{"a.parquet", "PAR1\x00PAR1", "table clean"},
		{"noise", "\x00\x01\x02\x03", "unknown inconclusive format.unknown"},
	})
}

func TestSecrets(t *testing.T) {
	// Put together here, so that nobody's scanner takes this file for a leak.
	tail := "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5"
	lines := []struct{ line, code string }{
		{"-----BEGIN RSA " + "PRIVATE KEY-----", "secret.private_key"},
		{"key = AKIA" + "Q7MXN2PLR5TWZ3KD", "secret.aws"},
		{"ghp_" + tail, "secret.github"},
		{"github_pat_" + tail, "secret.github"},
		{"url: https://oauth2:glpat-" + tail[:20] + "@gitlab", "secret.gitlab"},
		{"xoxb-" + "123456789012-" + tail, "secret.slack"},
		{"OPENAI=sk-proj-" + tail, "secret.openai"},
		{"sk-ant-api03-" + tail, "secret.anthropic"},
		{"hf_" + strings.Repeat("aBcDeFgHiJ", 4)[:34], "secret.huggingface"},
		{"AIza" + tail[:35], "secret.google"},
		{`"db_password": "` + tail[:14] + `",`, "secret.password"},
		{`password = "${DB_PASSWORD}"`, ""},
		{"password: changemechangeme", ""},
		{"password: aaaaaaaaaaaaaaa1", ""},
		{"bos_token: <|begin_of_text|>", ""},
		{"task-sk-learn-something-longer-than-that", ""},
		{"the password is asked for at the start", ""},
	}
	text := ""
	for _, l := range lines {
		text += l.line + "\n"
	}
	rep := scan(t, "config.txt", text)
	for i, l := range lines {
		var at []string
		for _, f := range rep.Findings {
			if f.Line == i+1 {
				at = append(at, f.Code)
			}
			if len(f.Args) != 1 || len([]rune(f.Args[0])) > 5 {
				t.Errorf("%s shows %q", f.Code, f.Args)
			}
		}
		if l.code == "" && len(at) > 0 || l.code != "" && !slices.Contains(at, l.code) {
			t.Errorf("line %d, %.12q…: got %q, want %q", i+1, l.line, at, l.code)
		}
	}
}

func TestLicences(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"LICENSE", "MIT License\n\nCopyright (c) 2026 X\n\nPermission is hereby granted, free of charge, to any person… The above copyright notice and this permission\nnotice shall be included", "MIT"},
		{"LICENSE.txt", "Apache License\n   Version 2.0, January 2004", "Apache-2.0"},
		{"license.md", "Redistribution and use in source and binary forms, with or without… Neither the name of the copyright holder", "BSD-3-Clause"},
		{"LICENCE", "Redistribution and use in source and binary forms, with or without", "BSD-2-Clause"},
		{"COPYING", "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007 " + strings.Repeat("…", 1000) + " GNU Affero General Public License version 3", "GPL-3.0"},
		{"COPYING", "GNU GENERAL PUBLIC LICENSE\nVersion 2, June 1991", "GPL-2.0"},
		{"COPYING.LESSER", "GNU LESSER GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007", "LGPL-3.0"},
		{"COPYING", "GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3, 19 November 2007", "AGPL-3.0"},
		{"LICENSE", "Mozilla Public License Version 2.0", "MPL-2.0"},
		{"LICENSE", "Attribution 4.0 International", "CC-BY-4.0"},
		{"LICENSE", "Attribution-ShareAlike 4.0 International", "CC-BY-SA-4.0"},
		{"LICENSE", "Attribution-NonCommercial 4.0 International", "CC-BY-NC-4.0"},
		{"LICENSE", "BigScience RAIL License v1.0 … Use-based restrictions", "LicenseRef-OpenRAIL-M"},
		{"LICENSE", "LLAMA 3.1 COMMUNITY LICENSE AGREEMENT", "LicenseRef-Llama-Community"},
		{"LICENSE", "Gemma Terms of Use", "LicenseRef-Gemma"},
		{"LICENSE", "All rights reserved.", ""},
		{"licensed.txt", "Apache License Version 2.0", ""},
	} {
		rep := scan(t, "model/"+c.name, c.text)
		if rep.Licence != c.want || rep.Verdict != Clean {
			t.Errorf("%s %.30q is %q, %s, want %q", c.name, c.text, rep.Licence, rep.Verdict, c.want)
		}
		unknown := slices.ContainsFunc(rep.Findings, func(f Finding) bool { return f.Code == "licence.unrecognised" })
		if unknown != (c.text == "All rights reserved.") {
			t.Errorf("%s %.30q: %v", c.name, c.text, rep.Findings)
		}
	}
}
